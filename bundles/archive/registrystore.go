// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/distribution/distribution/v3"
	_ "github.com/distribution/distribution/v3/manifest/manifestlist" // decodes Docker's lists
	_ "github.com/distribution/distribution/v3/manifest/ocischema"    // decodes OCI's manifests and indexes
	_ "github.com/distribution/distribution/v3/manifest/schema2"      // decodes Docker's manifests
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
)

// maxManifest bounds a manifest or index. The protocol asks registries to take 4 MiB, and distribution takes no more.
const maxManifest = 4 << 20

// Store is the directory that a Registry serves, in distribution's layout. Several may use one directory, in several
// processes too: what is there is whole, and is not changed any more. Only Collect and DropArchives take something away.
type Store struct {
	dir       string
	driver    *filesystem.Driver
	namespace distribution.Namespace
	alive     *os.File // the directory of what is on its way into the store, locked
	space     space
	cached    atomic.Int64  // bytes of what was pulled through, as far as anybody counted
	grown     chan struct{} // is sent to when that becomes more
}

// OpenStore makes the directory if need be, readable for its owner only. What distribution logs goes to log, at the debug
// level; nil discards it. What a killed run left is removed. Distribution has one logger for a whole process: with several stores the last one's gets it all.
func OpenStore(ctx context.Context, dir string, log *slog.Logger) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("the registry's store: %w", err)
	}

	s := &Store{dir: dir, driver: filesystem.New(filesystem.DriverParameters{RootDirectory: dir, MaxThreads: 100}), grown: make(chan struct{}, 1)}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the registry's store: %w", err)
	}

	if err := assertOwn(dir); err != nil {
		return nil, err
	}

	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory needs its x
		return nil, fmt.Errorf("keep the registry's store to its owner: %w", err)
	}

	if err := s.openIncoming(); err != nil {
		return nil, fmt.Errorf("open the registry's store: %w", err)
	}

	hushLogrus(log)

	if s.namespace, err = storage.NewRegistry(ctx, s.driver); err != nil {
		return nil, fmt.Errorf("open the registry's store %s: %w", dir, err)
	}

	return s, nil
}

// Resolve finds the digest of an image or chart by its tag, or by its digest. It reports false for what is not there.
func (s *Store) Resolve(ctx context.Context, repository, tagOrDigest string) (v1.Hash, bool, error) {
	repo, err := s.repository(ctx, repository)
	if err != nil {
		return v1.Hash{}, false, err
	}

	found, err := v1.NewHash(tagOrDigest)
	if err != nil {
		described, err := repo.Tags(ctx).Get(ctx, tagOrDigest)
		if isUnknown(err) {
			return v1.Hash{}, false, nil
		}

		if err != nil {
			return v1.Hash{}, false, fmt.Errorf("look up %s:%s in the registry's store: %w", repository, tagOrDigest, err)
		}

		if found, err = v1.NewHash(described.Digest.String()); err != nil {
			return v1.Hash{}, false, fmt.Errorf("look up %s:%s in the registry's store: %w", repository, tagOrDigest, err)
		}
	}

	manifests, err := repo.Manifests(ctx)
	if err != nil {
		return v1.Hash{}, false, err
	}

	has, err := manifests.Exists(ctx, digest.Digest(found.String()))
	if err != nil {
		return v1.Hash{}, false, fmt.Errorf("look up %s@%s in the registry's store: %w", repository, found, err)
	}

	return found, has, nil
}

// addManifest stores what is known to have a digest. What it refers to need not be there: an index has more platforms than
// were saved, and who pulls through gets manifests first. A manifest may have a tag; the old one's loses it.
func (s *Store) addManifest(ctx context.Context, repository, tag, mediaType string, content []byte) error {
	repo, err := s.repository(ctx, repository)
	if err != nil {
		return err
	}

	manifest, described, err := distribution.UnmarshalManifest(mediaType, content)
	if err != nil {
		return fmt.Errorf("read the manifest of %s: %w", repository, err)
	}

	manifests, err := repo.Manifests(ctx, storage.SkipLayerVerification())
	if err != nil {
		return err
	}

	return s.change(ctx, func() error {
		if _, err := manifests.Put(ctx, manifest); err != nil {
			return fmt.Errorf("store the manifest of %s: %w", repository, err)
		}

		if tag == "" {
			return nil
		}

		if err := repo.Tags(ctx).Tag(ctx, tag, described); err != nil {
			return fmt.Errorf("store the tag %s of %s: %w", tag, repository, err)
		}

		return nil
	})
}

func (s *Store) repository(ctx context.Context, name string) (distribution.Repository, error) {
	named, err := reference.WithName(name)
	if err != nil {
		return nil, fmt.Errorf("repository %q: %w", name, err)
	}

	return s.namespace.Repository(ctx, named)
}

func isUnknown(err error) bool {
	unknownTag, unknownRepository := distribution.ErrTagUnknown{}, distribution.ErrRepositoryUnknown{}
	unknownRevision := distribution.ErrManifestUnknownRevision{}

	return errors.Is(err, distribution.ErrBlobUnknown) || errors.Is(err, fs.ErrNotExist) || errors.As(err, &unknownTag) ||
		errors.As(err, &unknownRepository) || errors.As(err, &unknownRevision)
}

// ForeignStoreError says that a store belongs to another user: what is put into it could not be read by who serves it.
type ForeignStoreError struct {
	Dir   string
	Owner uint32 // the user's number
}

func (e *ForeignStoreError) Error() string {
	return fmt.Sprintf("the registry's store %s belongs to user %d, and this program runs as user %d", e.Dir, e.Owner, os.Geteuid())
}

// Hint says what to do.
func (e *ForeignStoreError) Hint() string {
	return "let the service itself load the archive: cozy-install bundle serve --archive FILE"
}

func assertOwn(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the registry's store: %w", err)
	}
	if of, ok := info.Sys().(*syscall.Stat_t); ok && int64(of.Uid) != int64(os.Geteuid()) {
		return &ForeignStoreError{Dir: dir, Owner: of.Uid}
	}
	return nil
}
