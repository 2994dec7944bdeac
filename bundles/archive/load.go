// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"sigs.k8s.io/json"
)

// Content is where the blobs of an OCI layout are read: a layout.Path of go-containerregistry, or a file that has one inside.
// A blob that is not there is fs.ErrNotExist.
type Content interface {
	Blob(sum v1.Hash) (io.ReadCloser, error)
}

// Root is an image, an index of images, or a chart to be loaded.
type Root struct {
	Repository string // in the bastion's registry: see Image.Repository and ChartRepository
	Tag        string // empty: it is only known by its digest
	Digest     v1.Hash
}

// String is the root's name in the bastion's registry.
func (r Root) String() string {
	if r.Tag != "" {
		return r.Repository + ":" + r.Tag
	}

	return r.Repository + "@" + r.Digest.String()
}

// Loaded says what Load did.
type Loaded struct {
	Roots     int
	New, Kept int   // blobs that were added, and that were there already
	Bytes     int64 // written; less than the content's size where files were linked
}

// maxDepth is how many manifests and indexes may refer to each other. An index of images has two.
const maxDepth = 4

// Load puts the content's roots into the store, each blob checked against its digest. What is there already is not read
// again, so that Load goes on where an earlier one was interrupted, and loading twice changes nothing. An index may name
// images that the content does not have, as for platforms that nobody asked for; a root without any image is an error. Done
// is called after each root; nil is allowed.
//
// Before anything is written the roots are pinned, so that Collect leaves them what they need, and there must be room for all that
// is copied: an error is syscall.ENOSPC else.
func (s *Store) Load(ctx context.Context, content Content, roots []Root, done func(Root)) (Loaded, error) {
	return s.load(ctx, "", content, roots, done)
}

// load is Load of what an archive has, which is named by its SHA256. Empty: it is of none.
func (s *Store) load(ctx context.Context, archive string, content Content, roots []Root, done func(Root)) (Loaded, error) {
	loading := loading{store: s, archive: archive, content: content, whole: map[Root]bool{}}

	room, err := loading.prepare(ctx, roots)
	if err != nil {
		return loading.Loaded, err
	}
	defer room.release()

	loading.room = room

	for _, root := range roots {
		if err := loading.root(ctx, root, maxDepth); err != nil {
			return loading.Loaded, fmt.Errorf("load %s: %w", root, err)
		}

		loading.Roots++

		if done != nil {
			done(root)
		}
	}

	return loading.Loaded, nil
}

type loading struct {
	Loaded

	store   *Store
	archive string // see pin
	content Content
	room    *room
	whole   map[Root]bool // which are in the store, with all that they refer to
}

// parts is what a manifest or an index refers to.
type parts struct {
	MediaType string `json:"mediaType"`

	Manifests []v1.Descriptor `json:"manifests"`

	Config v1.Descriptor   `json:"config"`
	Layers []v1.Descriptor `json:"layers"`
}

// mediaType is what the content says it is. OCI's need not: see the image specification on compatibility.
func (p parts) mediaType() string {
	switch {
	case p.MediaType != "":
		return p.MediaType
	case len(p.Manifests) > 0:
		return string(types.OCIImageIndex)
	default:
		return string(types.OCIManifestSchema1)
	}
}

// root loads what a root refers to first, so that nobody is led to what is not there yet.
func (l *loading) root(ctx context.Context, root Root, depth int) error {
	if depth == 0 {
		return fmt.Errorf("indexes are nested more than %d deep", maxDepth)
	}

	if l.whole[root] { // else indexes that name one another many times would be read for years
		return nil
	}

	raw, parts, err := l.read(root.Digest)
	if err != nil {
		return err
	}

	images := 0

	for _, image := range parts.Manifests {
		err := l.root(ctx, Root{Repository: root.Repository, Digest: image.Digest}, depth-1)
		if missing := (*missingImageError)(nil); errors.As(err, &missing) {
			continue
		}

		if err != nil {
			return err
		}

		images++
	}

	if len(parts.Manifests) > 0 && images == 0 {
		return fmt.Errorf("none of the %d images of index %s is there", len(parts.Manifests), root.Digest)
	}

	if len(parts.Manifests) == 0 {
		if err := l.blobs(ctx, root.Repository, append(parts.Layers, parts.Config)); err != nil {
			return err
		}
	}

	if err := l.store.addManifest(ctx, root.Repository, root.Tag, parts.mediaType(), raw); err != nil {
		return err
	}

	l.whole[root] = true

	return nil
}

// missingImageError says that the content does not have a manifest.
type missingImageError struct{ sum v1.Hash }

func (e *missingImageError) Error() string { return "there is no manifest " + e.sum.String() }

// read returns a manifest or an index, which is what its digest says.
func (l *loading) read(sum v1.Hash) ([]byte, parts, error) {
	if err := checkHash(sum); err != nil {
		return nil, parts{}, err
	}

	from, err := l.content.Blob(sum)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, parts{}, &missingImageError{sum}
	}

	if err != nil {
		return nil, parts{}, fmt.Errorf("read manifest %s: %w", sum, err)
	}

	raw, err := io.ReadAll(io.LimitReader(from, maxManifest+1))
	if err := errors.Join(err, from.Close()); err != nil {
		return nil, parts{}, fmt.Errorf("read manifest %s: %w", sum, err)
	}

	if len(raw) > maxManifest {
		return nil, parts{}, fmt.Errorf("manifest %s is larger than %d bytes", sum, maxManifest)
	}

	if got, _, err := v1.SHA256(bytes.NewReader(raw)); err != nil || got != sum {
		return nil, parts{}, errors.Join(err, &WrongContentError{Want: sum, Got: got.Hex})
	}

	var found parts
	if err := json.UnmarshalCaseSensitivePreserveInts(raw, &found); err != nil {
		return nil, parts{}, fmt.Errorf("manifest %s: %w", sum, err)
	}

	return raw, found, nil
}
