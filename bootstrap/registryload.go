// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/cozystack/cozy-install/bundles/archive"
)

// load puts the archive into the store. What is there already is not read again, so that it may be named at every start.
func (o RegistryOptions) load(ctx context.Context, store *archive.Store, say func(string)) (err error) {
	if o.Archive == "" {
		return nil
	}
	trust, err := o.trust()
	if err != nil {
		return err
	}
	from, err := archive.Open(o.Archive, trust)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	say(fmt.Sprintf("loading %s: %d images and %d charts of %s", o.Archive, len(from.Contents.Images), len(from.Contents.Charts), from.Contents.Bundle))
	loaded, err := store.LoadArchive(ctx, from, nil)
	if err != nil {
		return err
	}
	say(fmt.Sprintf("loaded: %d layers and configs are new (%s), %d were there", loaded.New, humanize.IBytes(uint64(loaded.Bytes)), loaded.Kept))
	return nil
}

// dropOld removes what older archives have brought, if that was asked for, and says what went.
func (o RegistryOptions) dropOld(ctx context.Context, store *archive.Store, say func(string)) error {
	if o.KeepArchives == 0 {
		return nil
	}
	return store.DropArchives(ctx, o.KeepArchives, func(gone archive.DroppedArchive) {
		say(fmt.Sprintf("removed what only archive %.12s of %s had, last loaded %s: %d manifests, layers and configs (%s)", gone.SHA256, gone.Bundle,
			gone.Loaded.Format(time.DateOnly), gone.Removed, humanize.IBytes(uint64(gone.Bytes))))
	})
}

func (o RegistryOptions) trust() (archive.Trust, error) {
	trust := archive.Trust{Unsigned: o.Unsigned}
	if o.PublicKey == "" {
		return trust, nil
	}
	line, err := os.ReadFile(o.PublicKey)
	if err != nil {
		return trust, fmt.Errorf("read the archive's public key: %w", err)
	}
	if trust.Key, err = archive.ParsePublicKey(line); err != nil {
		return trust, fmt.Errorf("%s: %w", o.PublicKey, err)
	}
	return trust, nil
}

// loadController puts cozy-controller's image into the store. A directory without its programs is said, and no mistake: a
// release names an image that is published.
func (o RegistryOptions) loadController(ctx context.Context, store *archive.Store, say func(string)) error {
	if o.Controller.Dir == "" {
		return nil
	}
	image, err := archive.BuildController(ctx, o.Controller)
	if absent := (*archive.BinariesError)(nil); errors.As(err, &absent) && absent.Absent {
		say(fmt.Sprintf("no image of cozy-controller is made: %v", err))
		return nil
	}
	if err != nil {
		return err
	}
	say("serving cozy-controller's image for " + strings.Join(image.Platforms, " and ") + ": " + image.Reference())
	return storeController(ctx, store, image)
}

// keepBelow collects the store while it is served, if it has a limit. The returned function ends that, and must be called.
func (o RegistryOptions) keepBelow(ctx context.Context, store *archive.Store) (stop func()) {
	if o.CacheLimit <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { store.KeepBelow(ctx, o.CacheLimit, o.Log) })
	return func() {
		cancel()
		work.Wait()
	}
}
