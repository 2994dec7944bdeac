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
	"slices"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles/archive"
)

const (
	// archiveKeyFile keeps, in the work directory, the public key that an archive was checked with.
	archiveKeyFile = "archive-key.pub"
	// registryDir is, in the work directory, the store of the bastion's registry where none is named.
	registryDir = "registry"
	// archiveAssetsDir holds the boot assets of archives, by the archive.
	archiveAssetsDir = "archive-assets"
)

// ArchiveOptions says which archive a run takes everything from. The zero value: none.
type ArchiveOptions struct {
	File      string
	PublicKey []byte // as archive.ParsePublicKey reads it. Empty: the one of an earlier run
	Unsigned  bool   // take one without a signature, where no key is known
	Store     string // the store of the bastion's registry, which `bundle serve` has too. Empty: in the work directory
}

// useArchive makes an archive the place of charts, images and boot assets: they are loaded into the store of the bastion's
// registry, which is served from here for as long as the run lasts if nobody serves it yet.
func (b *bringup) useArchive(ctx context.Context) error {
	o, bastion := b.opts.Archive, b.site.Registries.Bastion
	if bastion == nil {
		return &NoBastionError{}
	}
	trust, err := b.archiveTrust()
	if err != nil {
		return err
	}
	from, err := archive.Open(o.File, trust)
	if err != nil {
		return err
	}
	defer from.Close() // only read
	if err := b.checkArchive(from.Contents); err != nil {
		return fmt.Errorf("archive %s: %w", o.File, err)
	}
	if trust.Key != nil { // only now is it known to be of use
		if err := workdir.Replace(b.dir.Path(archiveKeyFile), []byte(trust.Key.String()+"\n")); err != nil {
			return err
		}
	}
	if o.Store == "" {
		o.Store = b.dir.Path(registryDir)
	}
	store, err := archive.OpenStore(ctx, o.Store, b.log)
	if err != nil {
		return err
	}
	loaded, err := store.Load(ctx, from, from.Roots(), func(r archive.Root) { b.log.Info("loaded from the archive", "name", r.String()) })
	if err != nil {
		return fmt.Errorf("archive %s: %w", o.File, err)
	}
	if err := storeController(ctx, store, b.opts.made); err != nil {
		return err
	}
	b.log.Info("the archive is in the registry's store", "store", o.Store, "new", loaded.New, "kept", loaded.Kept)
	if err := b.unpackAssets(ctx, from); err != nil {
		return err
	}
	if err := b.serveStore(ctx, store, bastion.Address); err != nil {
		return err
	}
	if err := archive.Holds(ctx, bastion.Address, from.Roots()); err != nil { // who answers there may have another store
		return err
	}
	return b.shelf.Redirect(ctx, b.plan, archive.ChartSource(bastion.Address))
}

func (b *bringup) archiveTrust() (archive.Trust, error) {
	line, trust := b.opts.Archive.PublicKey, archive.Trust{Unsigned: b.opts.Archive.Unsigned}
	if len(line) == 0 {
		kept, err := b.dir.Read(archiveKeyFile)
		if errors.Is(err, fs.ErrNotExist) {
			return trust, nil
		}
		if err != nil {
			return trust, err
		}
		line = kept
	}
	key, err := archive.ParsePublicKey(line)
	trust.Key = key
	return trust, err
}

// checkArchive lists everything in which an archive is not for this site.
func (b *bringup) checkArchive(c archive.Contents) error {
	var wrong []error
	differs := func(what, is, want string) {
		if is != want {
			wrong = append(wrong, fmt.Errorf("it was saved for %s %q, and the site has %q", what, is, want))
		}
	}
	differs("the bundle", c.Bundle, b.plan.Bundle)
	if !b.site.Hosted() {
		id, _, err := b.schematic()
		if err != nil {
			return err
		}
		differs("Talos", c.Talos, b.site.Talos.Version)
		differs("the schematic", c.Schematic, id)
		differs("Kubernetes", c.Kubernetes, b.site.Kubernetes.Version)
	}
	for _, platform := range (SaveOptions{Options: b.opts}).platforms() {
		if !b.site.Hosted() && !slices.Contains(c.Platforms, platform) {
			wrong = append(wrong, fmt.Errorf("it has nothing for %s", platform))
		}
	}
	for _, p := range b.plan.Packages {
		has := slices.ContainsFunc(c.Charts, func(chart archive.SavedChart) bool {
			return chart.Name == p.Chart.Name && chart.Version == p.Chart.Version
		})
		if p.Chart.Embedded == "" && !has {
			wrong = append(wrong, fmt.Errorf("it has no chart %s %s, for package %s", p.Chart.Name, p.Chart.Version, p.Name))
		}
	}
	return errors.Join(wrong...)
}

// unpackAssets puts the boot assets where netboot takes them, each only when it is whole.
func (b *bringup) unpackAssets(ctx context.Context, from *archive.Archive) error {
	if b.opts.AssetsDir != "" || len(from.Contents.Assets) == 0 {
		return nil
	}
	dir := b.dir.Path(filepath.Join(archiveAssetsDir, from.SHA256))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, asset := range from.Contents.Assets {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, asset.Name)
		if info, err := os.Stat(path); err == nil && info.Size() == asset.Size {
			continue
		}
		content, err := from.Asset(asset.Name)
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
	b.opts.AssetsDir = dir
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

// NoBastionError says that an archive has no place from where nodes could get what is in it.
type NoBastionError struct{}

func (*NoBastionError) Error() string {
	return "the site file has no registries.bastion: nodes would not ask this host for what the archive has"
}

// Hint tells what to write.
func (*NoBastionError) Hint() string {
	return "add registries: {bastion: {address: ADDRESS:5000, only: true}}, ADDRESS being this host's on the nodes' network"
}
