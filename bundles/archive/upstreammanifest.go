// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// How long a tag is believed that was compared with upstream's, and how long one that could not be.
const (
	believeTag = 10 * time.Minute
	retryTag   = time.Minute
)

// manifest makes sure that the store has a manifest, if it can be had. has says that the store has one already: a tag is then
// compared with upstream's now and then, and kept as it is when upstream does not answer soon.
func (u *Upstream) manifest(ctx context.Context, store *Store, image Image, has bool) error {
	if has && (image.Digest != "" || u.isBelieved(image)) {
		return nil
	}

	limit := askTimeout
	if has {
		limit = staleTimeout
	}

	// Who asks first does not decide for the others by going away.
	fetched := u.once.DoChan(image.String(), func() (any, error) {
		own, end, err := u.begin(ctx, limit)
		if err != nil {
			return nil, err
		}
		defer end()

		err = u.fetchManifest(own, store, image)
		u.believe(image, err)

		return nil, err
	})

	select {
	case <-ctx.Done():
		return ctx.Err()
	case outcome := <-fetched:
		if has {
			return nil // the store has one: upstream's troubles are no reason to refuse it
		}

		return outcome.Err
	}
}

func (u *Upstream) fetchManifest(ctx context.Context, store *Store, image Image) error {
	found, err := u.getManifest(ctx, image)
	if err != nil {
		return err
	}

	if len(found.Manifest) > maxManifest {
		return &UpstreamError{Host: image.Host, Err: fmt.Errorf("the manifest has %d bytes: at most %d are taken", len(found.Manifest), maxManifest)}
	}

	if err := store.addManifest(ctx, image.Repository(), image.Tag, string(found.MediaType), found.Manifest); err != nil {
		return err
	}

	store.grew(int64(len(found.Manifest)))

	return nil
}

// getManifest downloads a manifest; the client holds it against the digest that was asked for.
func (u *Upstream) getManifest(ctx context.Context, image Image) (*remote.Descriptor, error) {
	ref, puller, err := u.client(image)
	if err != nil {
		return nil, err
	}

	found, err := puller.Get(ctx, ref)
	if err != nil {
		return nil, u.failed(image, err)
	}

	return found, nil
}

func (u *Upstream) client(image Image) (name.Reference, *remote.Puller, error) {
	ref, err := u.reference(image)
	if err != nil {
		return nil, nil, err
	}

	puller, err := u.puller(image)

	return ref, puller, err
}

func (u *Upstream) isBelieved(image Image) bool {
	u.mu.Lock()
	defer u.mu.Unlock()

	return time.Now().Before(u.checked[image.String()])
}

func (u *Upstream) believe(image Image, err error) {
	if image.Tag == "" {
		return
	}

	until := time.Now().Add(believeTag)
	if err != nil {
		until = time.Now().Add(retryTag)
	}

	u.mu.Lock()
	defer u.mu.Unlock()
	forgetAll(u.checked)
	u.checked[image.String()] = until
}
