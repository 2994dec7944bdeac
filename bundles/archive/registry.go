// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Registry serves the images and charts of a store to anyone who asks. It is an http.Handler, and read-only: what is served
// gets into the store by Store.Load, or by being pulled through.
//
// Manifests, tags and the catalog are answered by distribution. Blobs are files: the kernel sends them.
type Registry struct {
	store    *Store
	app      *handlers.App
	upstream *Upstream
	log      *slog.Logger
}

// NewRegistry makes a Registry of a store. What is not there is fetched from upstream; nil means that there is no network.
// The context is for the registry's whole life. A nil log discards.
func NewRegistry(ctx context.Context, store *Store, upstream *Upstream, log *slog.Logger) *Registry {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem": {"rootdirectory": store.dir},
			"maintenance": {
				"readonly":      map[any]any{"enabled": true},
				"uploadpurging": map[any]any{"enabled": false}, // nobody uploads, and its goroutine would never end
			},
		},
		Catalog: configuration.Catalog{MaxEntries: 1000},
	}

	return &Registry{store: store, app: handlers.NewApp(ctx, config), upstream: upstream, log: log}
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	isRead := request.Method == http.MethodGet || request.Method == http.MethodHead

	switch asked, ok := parseRoute(request.URL.Path); {
	case !ok || !isRead:
		r.app.ServeHTTP(w, request)
	case asked.blob != v1.Hash{}:
		r.serveBlob(w, request, asked)
	default:
		r.serveManifest(w, request, asked)
	}
}

// maxTries is how often something is looked for that was removed after it had been found.
const maxTries = 3

func (r *Registry) serveManifest(w http.ResponseWriter, request *http.Request, asked route) {
	for try := 1; ; try++ {
		if err := r.obtain(request.Context(), asked); err != nil {
			r.refuse(w, request, asked, err)

			return
		}

		answer := &heldAnswer{header: http.Header{}}
		r.app.ServeHTTP(answer, request)

		if answer.status != http.StatusNotFound || try == maxTries {
			answer.send(w)

			return
		}
	}
}

// obtain makes sure that the store has a manifest, and that it stays for a while.
func (r *Registry) obtain(ctx context.Context, asked route) error {
	found, has, err := r.store.Resolve(ctx, asked.repository, asked.reference)
	if err != nil {
		return err
	}

	if has {
		r.store.touch(found)
	}

	image, known := asked.image()

	switch {
	case r.upstream != nil && known:
		return r.upstream.manifest(ctx, r.store, image, has)
	case !has:
		return errNotHere
	}

	return nil
}

func (r *Registry) serveBlob(w http.ResponseWriter, request *http.Request, asked route) {
	image, known := asked.image()

	var err error

	for range maxTries {
		if err = r.sendFile(w, request, asked); err == nil {
			return
		}

		if errors.Is(err, fs.ErrNotExist) && (r.upstream == nil || !known) {
			err = errNotHere
		}

		if !errors.Is(err, fs.ErrNotExist) {
			break
		}

		served, failed := r.upstream.blob(w, request, r.store, image, asked.blob)
		if served || failed != nil {
			err = failed

			break
		}
	}

	if err != nil {
		r.refuse(w, request, asked, err)
	}
}

// sendFile answers with a blob that the store has. The kernel copies it.
func (r *Registry) sendFile(w http.ResponseWriter, request *http.Request, asked route) error {
	file, err := r.store.openBlob(asked.repository, asked.blob)
	if err != nil {
		return err
	}
	defer file.Close()

	blobHeader(w.Header(), asked.blob)
	http.ServeContent(w, request, "", time.Time{}, file)

	return nil
}
