// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// drop removes a blob or manifest: first what leads to it, so that a killed run leaves at most what nobody is led to.
func (s *Store) drop(ctx context.Context, one *cached, keep pins) error {
	for _, tag := range one.tags {
		if err := s.dropTag(ctx, tag, keep); err != nil {
			return err
		}
	}

	dirs := slices.Clone(one.links)
	for _, revision := range one.revisions {
		dirs = append(dirs, revision.dir)
	}

	for _, dir := range dirs {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}

	data := s.blobFile(one.sum)

	return errors.Join(ignoreNotExist(os.Remove(data)), ignoreNotExist(os.Remove(filepath.Dir(data))))
}

// dropTag removes a tag, or gives it back to what was loaded as it, where its registry had moved it.
func (s *Store) dropTag(ctx context.Context, tag tagged, keep pins) error {
	loaded, isPinned := keep.tags[tag.repository+":"+tag.tag]
	if !isPinned || !s.hasManifest(tag.repository, loaded) {
		return os.RemoveAll(tag.dir)
	}

	repo, err := s.repository(ctx, tag.repository)
	if err != nil {
		return err
	}

	return repo.Tags(ctx).Tag(ctx, tag.tag, ocispec.Descriptor{Digest: digest.Digest(loaded.String())})
}

func (s *Store) hasManifest(repository string, sum v1.Hash) bool {
	_, err := os.Stat(filepath.Join(s.dir, filepath.FromSlash(repositoryFolder), filepath.FromSlash(repository),
		"_manifests", "revisions", sum.Algorithm, sum.Hex, "link"))

	return err == nil && s.hasBlob(sum)
}

// removeEmpty removes the directories of repositories and tags that have nothing any more.
func (s *Store) removeEmpty() error {
	root := filepath.Join(s.dir, filepath.FromSlash(repositoryFolder))

	var dirs []string

	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && file != root {
			dirs = append(dirs, file)
		}

		return ignoreNotExist(err)
	})

	for _, dir := range slices.Backward(dirs) { // the inner ones first
		if failed := os.Remove(dir); failed != nil && !errors.Is(failed, unix.ENOTEMPTY) {
			err = errors.Join(err, failed)
		}
	}

	return err
}
