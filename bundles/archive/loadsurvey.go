// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// prepare pins the roots, and promises room for what the store lacks of them, before anything is written.
func (l *loading) prepare(ctx context.Context, roots []Root) (*room, error) {
	need, counted := int64(0), map[v1.Hash]bool{}

	for _, root := range roots {
		inside := inventory{loading: l, sizes: map[v1.Hash]int64{}, seen: map[v1.Hash]bool{}}
		if err := inside.add(ctx, root.Digest, maxDepth); err != nil {
			return nil, fmt.Errorf("load %s: %w", root, err)
		}

		if err := l.store.pin(ctx, root, l.archive, append([]v1.Hash{root.Digest}, inside.order...)); err != nil {
			return nil, fmt.Errorf("load %s: %w", root, err)
		}

		for sum, size := range inside.sizes {
			if counted[sum] || l.store.hasBlob(sum) { // only now does what is there stay
				continue
			}

			counted[sum] = true

			takes, err := l.takesRoom(sum)
			if err != nil {
				return nil, fmt.Errorf("load %s: %w", root, err)
			}

			if takes {
				need += size
			}
		}
	}

	return l.store.promise(need)
}

// takesRoom reports whether a blob is copied. Files on the store's own file system are linked.
func (l *loading) takesRoom(sum v1.Hash) (bool, error) {
	from, err := l.content.Blob(sum)
	if err != nil {
		return false, fmt.Errorf("read blob %s: %w", sum, err)
	}
	defer from.Close() // nothing is read

	file, isFile := from.(*os.File)
	if !isFile {
		return true, nil
	}

	there, errThere := file.Stat()
	here, errHere := os.Stat(l.store.dir)

	if err := errors.Join(errThere, errHere); err != nil {
		return false, err
	}

	a, okA := there.Sys().(*syscall.Stat_t)
	b, okB := here.Sys().(*syscall.Stat_t)

	return !okA || !okB || a.Dev != b.Dev, nil
}

// inventory is everything that one root needs and the content has.
type inventory struct {
	*loading

	order []v1.Hash
	sizes map[v1.Hash]int64 // bytes
	seen  map[v1.Hash]bool  // manifests, there or not
}

func (i *inventory) add(ctx context.Context, sum v1.Hash, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}

	if i.seen[sum] || depth == 0 { // too deep is an error of loading
		return nil
	}

	i.seen[sum] = true

	raw, parts, err := i.read(sum)
	if missing := (*missingImageError)(nil); errors.As(err, &missing) {
		return nil // loading tells whether that is right
	}

	if err != nil {
		return err
	}

	if err := i.note(sum, int64(len(raw))); err != nil {
		return err
	}

	for _, image := range parts.Manifests {
		if err := i.add(ctx, image.Digest, depth-1); err != nil {
			return err
		}
	}

	if len(parts.Manifests) > 0 {
		return nil
	}

	for _, blob := range append(parts.Layers, parts.Config) {
		if len(blob.URLs) > 0 {
			continue
		}

		if err := errors.Join(checkHash(blob.Digest), i.note(blob.Digest, blob.Size)); err != nil {
			return err
		}
	}

	return nil
}

func (i *inventory) note(sum v1.Hash, size int64) error {
	if size < 0 || size > maxFile {
		return fmt.Errorf("blob %s has %d bytes: at most %d are taken", sum, size, int64(maxFile))
	}

	if _, has := i.sizes[sum]; !has {
		i.order = append(i.order, sum)
	}

	i.sizes[sum] = size

	return nil
}
