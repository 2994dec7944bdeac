// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cozystack/cozy-install/lab/build"
)

// Versions of what nodes run in containers. Kubernetes' is the module's; an image's tag is only a name.
const (
	KubernetesVersion = "v1.34.4"
	EtcdVersion       = "v3.6.6"
)

// MadeUpImage is served too: an image that no registry in the world has.
const MadeUpImage = "lab/made-up:v1"

// ServeImages builds the programs that nodes run in containers, where they are missing, and serves the nodes' images at an
// address of the lab's network until Close, and returns its URL. It is an image server that can be read only (OCI
// distribution specification, "pull").
func (l *Lab) ServeImages(ctx context.Context, at string) (url string, err error) {
	programs, err := build.NodeImages(ctx, l.build)
	if err != nil {
		return "", err
	}
	served := &store{dir: filepath.Join(l.dir, "images"), manifests: map[string]digest.Digest{}}
	if err := os.MkdirAll(served.dir, 0o755); err != nil {
		return "", err
	}
	for _, one := range images(programs, l.userland, l.nodeinit) {
		if err := served.add(one); err != nil {
			return "", err
		}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", at)
	if err != nil {
		return "", err
	}
	l.server = &http.Server{Handler: served, ReadHeaderTimeout: 10 * time.Second}
	l.served = make(chan error, 1)
	go func() { l.served <- l.server.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

func (l *Lab) stopServing() error {
	if l.server == nil {
		return nil
	}
	err := l.server.Close()
	if served := <-l.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	l.server = nil
	return err
}

// ServeHTTP answers /v2/, /v2/<name>/manifests/<tag or digest> and /v2/<name>/blobs/<digest>.
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, found := strings.CutPrefix(r.URL.Path, "/v2/")
	if !found {
		http.NotFound(w, r)
		return
	}
	if path == "" {
		return
	}
	if name, reference, found := strings.Cut(path, "/manifests/"); found {
		sum, isTag := s.manifests[name+":"+reference]
		if !isTag {
			sum = digest.Digest(reference)
		}
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		s.serve(w, r, sum)
		return
	}
	_, sum, _ := strings.Cut(path, "/blobs/")
	w.Header().Set("Content-Type", "application/octet-stream")
	s.serve(w, r, digest.Digest(sum))
}

func (s *store) serve(w http.ResponseWriter, r *http.Request, sum digest.Digest) {
	if sum.Validate() != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Docker-Content-Digest", sum.String())
	http.ServeFile(w, r, s.path(sum))
}
