// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"sigs.k8s.io/json"
)

// cached is a blob or manifest that no loaded root needs.
type cached struct {
	sum   v1.Hash
	size  int64 // bytes; 0: something names it, but it is not there
	used  time.Time
	depth int       // how many manifests are above it
	refs  []v1.Hash // what it names, if it is a manifest, as far as that is cached too

	tags      []tagged
	revisions []revision
	links     []string // other directories that name it
}

// revision makes something a manifest of a repository, by a directory.
type revision struct{ repository, dir string }

// tagged is a tag of a repository.
type tagged struct{ repository, tag, dir string }

func (c *cached) names() []string {
	var out []string
	for _, one := range c.tags {
		out = append(out, one.repository+":"+one.tag)
	}

	for _, one := range c.revisions {
		out = append(out, one.repository+"@"+c.sum.String())
	}

	return out
}

// scan finds everything that no loaded root needs. The caller has the store for itself.
func (s *Store) scan(ctx context.Context, keep pins) (map[v1.Hash]*cached, error) {
	found := survey{store: s, keep: keep, cache: map[v1.Hash]*cached{}, now: time.Now()}

	err := errors.Join(
		found.walk(ctx, filepath.Join(s.dir, filepath.FromSlash(blobFolder)), found.blob),
		found.walk(ctx, filepath.Join(s.dir, filepath.FromSlash(repositoryFolder)), found.link))
	if err != nil {
		return nil, err
	}

	for _, one := range found.cache {
		if len(one.revisions) > 0 {
			found.read(one)
		}
	}

	return found.cache, ctx.Err()
}

type survey struct {
	store *Store
	keep  pins
	cache map[v1.Hash]*cached
	now   time.Time
}

// walk calls see with each file below a directory, and its path from there.
func (c *survey) walk(ctx context.Context, root string, see func(file, rel string) error) error {
	return filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err := errors.Join(ignoreNotExist(err), ctx.Err()); err != nil || entry == nil || entry.IsDir() {
			return err
		}

		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}

		return see(file, filepath.ToSlash(rel))
	})
}

// of is what is known of a digest; nil if it stays.
func (c *survey) of(hex string) *cached {
	sum := v1.Hash{Algorithm: "sha256", Hex: hex}
	if checkHash(sum) != nil || c.keep.content[sum] {
		return nil
	}

	if c.cache[sum] == nil {
		c.cache[sum] = &cached{sum: sum}
	}

	return c.cache[sum]
}

func (c *survey) blob(file, rel string) error {
	if path.Base(rel) != "data" {
		return nil
	}

	one := c.of(path.Base(path.Dir(rel)))
	if one == nil {
		return nil
	}

	about, err := os.Stat(file)
	if err != nil {
		return err
	}

	one.size, one.used = about.Size(), about.ModTime()
	if one.used.After(c.now) { // the clock was wrong then: it would be the youngest for years
		one.used = c.now

		return os.Chtimes(file, time.Time{}, c.now)
	}

	return nil
}

// link reads what distribution keeps of repositories (storage/paths.go).
func (c *survey) link(file, rel string) error {
	repository, rest, _ := strings.Cut(rel, "/_") // no part of a repository's name begins with it
	dir, parts := filepath.Dir(file), strings.Split(rest, "/")

	is := func(pattern string) bool {
		matches, _ := path.Match(pattern, rest)

		return matches
	}

	switch {
	case is("layers/sha256/*/link"):
		if one := c.of(parts[2]); one != nil {
			one.links = append(one.links, dir)
		}
	case is("manifests/revisions/sha256/*/link"):
		if one := c.of(parts[3]); one != nil {
			one.revisions = append(one.revisions, revision{repository, dir})
		}
	case is("manifests/tags/*/index/sha256/*/link"):
		if one := c.of(parts[5]); one != nil {
			one.links = append(one.links, dir)
		}
	case is("manifests/tags/*/current/link"):
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}

		if one := c.of(strings.TrimPrefix(string(raw), "sha256:")); one != nil {
			one.tags = append(one.tags, tagged{repository, parts[2], filepath.Dir(dir)})
		}
	}

	return nil
}

// read finds what a manifest names. One that can't be read names nothing that anybody could find by it.
func (c *survey) read(manifest *cached) {
	if manifest.size == 0 || manifest.size > maxManifest {
		return
	}

	raw, err := os.ReadFile(c.store.blobFile(manifest.sum))
	if err != nil {
		return
	}

	var names parts
	if json.UnmarshalCaseSensitivePreserveInts(raw, &names) != nil {
		return
	}

	seen := map[v1.Hash]bool{manifest.sum: true}
	for _, one := range append(append(names.Manifests, names.Layers...), names.Config) {
		if c.cache[one.Digest] != nil && !seen[one.Digest] {
			seen[one.Digest] = true
			manifest.refs = append(manifest.refs, one.Digest)
		}
	}
}
