// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Collected says what a collection did.
type Collected struct {
	Removed int   // blobs and manifests
	Bytes   int64 // that they had
	Left    int64 // bytes of what was pulled through and is still there
}

// Gone is a blob or a manifest that was removed.
type Gone struct {
	Digest v1.Hash
	Names  []string // the images that it was, of the bastion's registry; empty for layers and configs
	Bytes  int64
	Used   time.Time // when it was used last; zero: it was only named, and not there
}

// Collect removes what was pulled through, beginning with what was not used for longest, where that is more than limit bytes in
// all. It ends at nine tenths of the limit, so that the next layer is not the next collection. What a loaded root needs is not
// counted, and stays; a pin that can't be read is a *PinError, content that
// was loaded by a program which made no pins an *UnpinnedError, and then everything stays. Who uses an image uses its layers: a
// manifest goes before what it names. What is being read by somebody is read to its end. Gone is called for each thing that was
// removed; nil is allowed.
func (s *Store) Collect(ctx context.Context, limit int64, gone func(Gone)) (Collected, error) {
	var out Collected

	err := s.alone(ctx, func() error {
		keep, err := s.readPins()
		if err != nil {
			return err
		}

		if err := s.assertPinned(keep); err != nil {
			return err
		}

		cache, err := s.scan(ctx, keep)
		if err != nil {
			return fmt.Errorf("look through the registry's store: %w", err)
		}

		for _, one := range cache {
			out.Left += one.size
		}

		if out.Left > limit {
			err = s.shrink(ctx, cache, keep, limit-limit/10, &out, gone)
		}

		s.cached.Store(out.Left)

		return err
	})

	return out, err
}

func (s *Store) shrink(ctx context.Context, cache map[v1.Hash]*cached, keep pins, to int64, out *Collected, gone func(Gone)) error {
	for _, one := range oldestFirst(cache) {
		if out.Left <= to {
			break
		}

		if err := ctx.Err(); err != nil {
			return err
		}

		if err := s.drop(ctx, one, keep); err != nil {
			return fmt.Errorf("remove %s from the registry's store: %w", one.sum, err)
		}

		out.Removed++
		out.Bytes += one.size
		out.Left -= one.size

		if gone != nil {
			gone(Gone{Digest: one.sum, Names: one.names(), Bytes: one.size, Used: one.used})
		}
	}

	return s.removeEmpty()
}

// oldestFirst gives what is in the cache in the order in which it may go.
func oldestFirst(cache map[v1.Hash]*cached) []*cached {
	for range maxDepth { // as deep as indexes are: what has more is nobody's image
		for _, manifest := range cache {
			for _, sum := range manifest.refs {
				part := cache[sum]
				if manifest.used.After(part.used) {
					part.used = manifest.used
				}

				part.depth = max(part.depth, manifest.depth+1)
			}
		}
	}

	return slices.SortedFunc(maps.Values(cache), func(a, b *cached) int {
		return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.depth, b.depth), strings.Compare(a.sum.Hex, b.sum.Hex))
	})
}
