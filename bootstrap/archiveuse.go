// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles/archive"
)

const (
	// registryDir is, in the work directory, the store of the bastion's registry where none is named.
	registryDir = "registry"
	// archiveAssetsDir holds the boot assets of archives, by the archive.
	archiveAssetsDir = "archive-assets"
)

// ArchiveOptions says which archive a run takes everything from. The zero value: that of an earlier run, if it had one.
type ArchiveOptions struct {
	File      string
	PublicKey []byte // as archive.ParsePublicKey reads it. Empty: the one of an earlier run
	Unsigned  bool   // take one without a signature, where no key is known
	Store     string // the store of the bastion's registry, which `bundle serve` has too. Empty: in the work directory
	// Online takes everything from the network again, where an earlier run had an archive.
	Online bool
}

// takeArchive makes the archive of this run the place of charts, images and boot assets: they are loaded into the store of the
// bastion's registry. That of an earlier run is there already. The registry is served from here for as long as the run lasts if
// nobody serves it yet. A run without an archive has nothing to do. Without packages the run is about machines alone.
func (b *bringup) takeArchive(ctx context.Context, packages bool) error {
	a := b.opts.archived
	if a == nil {
		return nil
	}
	bastion := b.site.Registries.Bastion
	if bastion == nil {
		return &KeptArchiveError{Path: b.dir.Path(workdir.ArchiveFile), Err: &NoBastionError{}}
	}
	if err := b.checkArchive(ctx, packages); err != nil {
		return err
	}
	if a.open == nil {
		return b.takeKept(ctx, a, bastion.Address)
	}
	return b.takeGiven(ctx, a, bastion.Address)
}

// takeGiven loads an archive unless the registry has all of it already. Only one that is there as a whole is kept for later runs.
func (b *bringup) takeGiven(ctx context.Context, a *usedArchive, address string) error {
	roots := a.open.Roots()
	if b.opts.made != nil {
		roots = append(roots, b.opts.made.Root())
	}
	if answers(ctx, address) && archive.Holds(ctx, address, roots) == nil {
		b.log.Info("the bastion's registry has all of the archive already", "address", address)
		if !isThere(a.Store) {
			a.Store = "" // it has another one
		} else if err := b.useArchive(ctx, a); err != nil {
			return err
		}
	} else {
		if err := b.loadArchive(ctx, a, address); err != nil {
			return err
		}
		if err := archive.Holds(ctx, address, roots); err != nil { // who answers there may have another store
			return err
		}
	}
	if err := b.unpackAssets(ctx, a); err != nil {
		return err
	}
	return a.keep(ctx, b.dir)
}

// useArchive keeps an archive that is in the store from being dropped as an old one. The store of another user is not ours to write.
func (b *bringup) useArchive(ctx context.Context, a *usedArchive) error {
	store, err := archive.OpenStore(ctx, a.Store, b.log)
	foreign := (*archive.ForeignStoreError)(nil)
	if errors.As(err, &foreign) || errors.Is(err, fs.ErrPermission) {
		b.log.Warn("the registry's store can't be told that the archive is in use: bundle serve --keep-archives may remove it when two newer ones "+
			"were loaded", "store", a.Store)
		return nil
	}
	if err != nil {
		return err
	}
	return store.UseArchive(ctx, a.open.SHA256)
}

func (b *bringup) loadArchive(ctx context.Context, a *usedArchive, address string) error {
	store, err := archive.OpenStore(ctx, a.Store, b.log)
	if err != nil {
		return err
	}
	loaded, err := store.LoadArchive(ctx, a.open, func(r archive.Root) { b.log.Info("loaded from the archive", "name", r.String()) })
	if err != nil {
		return fmt.Errorf("archive %s: %w", a.File, err)
	}
	if err := storeController(ctx, store, b.opts.made); err != nil {
		return err
	}
	b.log.Info("the archive is in the registry's store", "store", a.Store, "new", loaded.New, "kept", loaded.Kept)
	return b.serveStore(ctx, store, address)
}

// takeKept serves the store of an earlier run where nobody does, with cozy-controller's image of the programs that are here now.
func (b *bringup) takeKept(ctx context.Context, a *usedArchive, address string) error {
	isServed := answers(ctx, address)
	if isServed && b.opts.assertControllerServed(ctx) == nil {
		return nil
	}
	if !isThere(a.Store) {
		if isServed {
			return nil // from another store: assertControllerServed says what it lacks
		}
		return a.silent(address)
	}
	store, err := archive.OpenStore(ctx, a.Store, b.log)
	if err != nil {
		return err
	}
	if err := storeController(ctx, store, b.opts.made); err != nil {
		return err
	}
	return b.serveStore(ctx, store, address)
}

// isThere says that a path leads somewhere, or to what can't be looked at. An empty one does not.
func isThere(path string) bool {
	if path == "" {
		return false
	}
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// unpackAssets puts the boot assets where netboot takes them, each only when it is whole.
func (b *bringup) unpackAssets(ctx context.Context, a *usedArchive) error {
	if len(a.Contents.Assets) == 0 {
		return nil
	}
	dir := a.assetsDir(b.dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, asset := range a.Contents.Assets {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, asset.Name)
		if info, err := os.Stat(path); err == nil && info.Size() == asset.Size {
			continue
		}
		content, err := a.open.Asset(asset.Name)
		if err != nil {
			return err
		}
		err = workdir.Create(path, func(to io.Writer) error {
			_, err := io.Copy(to, content)
			return err
		})
		if err = errors.Join(err, content.Close()); err != nil {
			return fmt.Errorf("unpack boot asset %s: %w", asset.Name, err)
		}
	}
	return nil
}

// serveStore serves the store at the bastion's address unless somebody does.
func (b *bringup) serveStore(ctx context.Context, store *archive.Store, address string) error {
	if answers(ctx, address) {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("registries.bastion.address: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+port)
	if err != nil {
		return fmt.Errorf("serve the bastion's registry: %w", err)
	}
	b.log.Warn("the bastion's registry is served until this run ends; nodes need it for longer: run cozy-install bundle serve as a service",
		"address", listener.Addr().String())
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends with the bring-up, after everything that asks it
	ended := make(chan error, 1)
	go func() { ended <- archive.NewRegistry(ctx, store, nil, b.log).Serve(ctx, listener) }()
	b.registry = func() error {
		stop()
		return <-ended
	}
	return nil
}

// answers says whether a registry is at an address.
func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v2/", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return errors.Join(answer.Body.Close()) == nil && answer.StatusCode == http.StatusOK
}
