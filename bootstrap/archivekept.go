// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles/archive"
)

// usedArchive is the archive that a site takes everything from: the one that this run was given, or that of an earlier run. The
// work directory keeps it, since a site has no place yet that could be asked, and a cluster knows charts alone.
type usedArchive struct {
	File     string           `json:"file"`   // where it was when it was loaded
	SHA256   string           `json:"sha256"` // of its SHA256SUMS
	Store    string           `json:"store"`  // of the bastion's registry, which it was loaded into; empty: of one that had it already
	Contents archive.Contents `json:"contents"`

	// open is nil for that of an earlier run, which is in the store.
	open  *archive.Archive
	trust archive.Trust
}

// openArchive finds the archive of the run. An option that names one wins over an earlier run's.
func (o Options) openArchive(dir *workdir.Dir) (Options, error) {
	a := o.Archive
	if a.Online && a.File == "" {
		return o, nil
	}
	if a.File == "" {
		kept, err := keptArchive(dir)
		o.archived = kept
		return o, err
	}
	if o.Site.Registries.Bastion == nil {
		return o, &NoBastionError{}
	}
	trust, err := a.trust(dir)
	if err != nil {
		return o, err
	}
	open, err := archive.Open(a.File, trust)
	if err != nil {
		return o, err
	}
	store := a.Store
	if store == "" {
		store = dir.Path(registryDir)
	}
	o.archived = &usedArchive{File: a.File, SHA256: open.SHA256, Store: store, Contents: open.Contents, open: open, trust: trust}
	return o, nil
}

// keptArchive is that of an earlier run; nil: there is none.
func keptArchive(dir *workdir.Dir) (*usedArchive, error) {
	data, err := dir.Read(workdir.ArchiveFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	out := &usedArchive{}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, &KeptArchiveError{Path: dir.Path(workdir.ArchiveFile), Err: err}
	}
	return out, nil
}

// keep writes the archive down for later runs, and the key that it was checked with.
func (a *usedArchive) keep(ctx context.Context, dir *workdir.Dir) error {
	if a.trust.Key != nil {
		if err := workdir.Replace(dir.Path(workdir.ArchiveKeyFile), []byte(a.trust.Key.String()+"\n")); err != nil {
			return err
		}
	}
	absolute := *a
	for _, path := range []*string{&absolute.File, &absolute.Store} { // a later run may have another working directory
		if *path == "" {
			continue
		}
		full, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = full
	}
	data, err := json.MarshalIndent(absolute, "", "  ")
	if err != nil {
		return fmt.Errorf("encode what is in the archive: %w", err)
	}
	return dir.Write(ctx, workdir.ArchiveFile, append(data, '\n'))
}

// forgetArchive makes this run and later ones take everything from the network again.
func forgetArchive(dir *workdir.Dir) error {
	if err := os.Remove(dir.Path(workdir.ArchiveFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the archive: %w", err)
	}
	return nil
}

// isGiven says that this run was given it; nil is allowed.
func (a *usedArchive) isGiven() bool { return a != nil && a.open != nil }

// close is for a run's end; nil is allowed.
func (a *usedArchive) close() error {
	if a == nil || a.open == nil {
		return nil
	}
	return a.open.Close()
}

// images are the names of all that it holds; none of a nil archive.
func (a *usedArchive) images() []string {
	if a == nil {
		return nil
	}
	out := make([]string, len(a.Contents.Images))
	for i, image := range a.Contents.Images {
		out[i] = image.Name
	}
	return out
}

// assetsDir is where its boot assets are unpacked.
func (a *usedArchive) assetsDir(dir *workdir.Dir) string {
	return dir.Path(filepath.Join(archiveAssetsDir, a.SHA256))
}

// controllerRoot is cozy-controller's image in the bastion's registry, where that of the archive is installed.
func (a *usedArchive) controllerRoot(installed string) (archive.Root, bool) {
	if a == nil || installed == "" || installed != a.Contents.Controller {
		return archive.Root{}, false
	}
	image, has := a.Contents.Image(installed)
	if !has {
		return archive.Root{}, false
	}
	return image.Root()
}

// trust says whose archives are taken: those of the key that was given, or of an earlier run's.
func (a ArchiveOptions) trust(dir *workdir.Dir) (archive.Trust, error) {
	line, trust := a.PublicKey, archive.Trust{Unsigned: a.Unsigned}
	if len(line) == 0 {
		kept, err := dir.Read(workdir.ArchiveKeyFile)
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

// KeptArchiveError says that what is known of an earlier run's archive can't be used.
type KeptArchiveError struct {
	Path string
	Err  error
}

func (e *KeptArchiveError) Error() string {
	return fmt.Sprintf("what is known of the archive, %s: %v", e.Path, e.Err)
}
func (e *KeptArchiveError) Unwrap() error { return e.Err }

// Hint says how to go on with an archive, and without.
func (e *KeptArchiveError) Hint() string {
	if bastion := (*NoBastionError)(nil); errors.As(e.Err, &bastion) {
		return bastion.Hint() + "; or where there is a network now: cozy-install up --online"
	}
	return "give the archive again: cozy-install up --archive FILE; or where there is a network now: cozy-install up --online"
}

// StaleArchiveError says that the site file asks for something else than the archive of an earlier run has.
type StaleArchiveError struct {
	File  string
	Wrong []error
}

func (e *StaleArchiveError) Error() string {
	return fmt.Sprintf("the site takes everything from an archive, that of %s, which is not what it needs now:%s", e.File, lineEach(e.Wrong))
}

// Unwrap gives all of them.
func (e *StaleArchiveError) Unwrap() []error { return slices.Clone(e.Wrong) }

// Hint says how to go on with an archive, and without.
func (e *StaleArchiveError) Hint() string {
	return "save another one with cozy-install bundle save where there is a network, and give it with --archive FILE; " +
		"or where there is a network now: cozy-install up --online"
}
