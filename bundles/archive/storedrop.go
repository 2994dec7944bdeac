// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// MinArchives is the fewest archives that a store keeps: nodes run on the last but one until all of them were brought to the last.
const MinArchives = 2

// DroppedArchive is an archive whose content was removed.
type DroppedArchive struct {
	LoadedArchive

	Removed int   // blobs and manifests
	Bytes   int64 // that they had
}

// DropArchives removes what only archives have that are older than the newest ones, which are as many as keep says, and at least
// MinArchives. Archives that are not whole do not count and stay: somebody may be loading them. So does what was loaded as of no
// archive, and what an image needs that was pulled through. Gone is called for each archive, the oldest first; nil is allowed.
// What can't be read is a *PinError, and then everything stays.
func (s *Store) DropArchives(ctx context.Context, keep int, gone func(DroppedArchive)) error {
	return s.alone(ctx, func() error {
		loads, err := s.Archives()
		if err != nil {
			return err
		}

		whole := slices.DeleteFunc(loads, func(one LoadedArchive) bool { return !one.Whole })
		for _, one := range slices.Backward(whole[min(max(keep, MinArchives), len(whole)):]) {
			dropped, err := s.dropArchive(ctx, one)
			if err != nil {
				return fmt.Errorf("remove archive %s from the registry's store: %w", one.SHA256, err)
			}

			if gone != nil {
				gone(dropped)
			}
		}

		return nil
	})
}

// dropArchive removes an archive's content before its pins, and the note of it at last: a killed run is gone on with.
func (s *Store) dropArchive(ctx context.Context, one LoadedArchive) (DroppedArchive, error) {
	out := DroppedArchive{LoadedArchive: one}
	keep, own := newPins(), map[v1.Hash]bool{}

	var files []string

	err := s.eachPin(func(file string, pinned pin, at time.Time) {
		if pinned.Archive != one.SHA256 {
			keep.add(pinned, at)

			return
		}

		files = append(files, file)

		for _, sum := range pinned.Content {
			own[sum] = true
		}
	})
	if err != nil {
		return out, err
	}

	if err := s.removeOwn(ctx, own, keep, &out); err != nil {
		return out, err
	}

	for _, file := range append(files, s.loadFile(one)) {
		if err := os.Remove(file); err != nil {
			return out, err
		}
	}

	return out, nil
}

// removeOwn removes what is in own, and neither pinned nor part of what was pulled through.
func (s *Store) removeOwn(ctx context.Context, own map[v1.Hash]bool, keep pins, out *DroppedArchive) error {
	found, err := s.scan(ctx, keep)
	if err != nil {
		return err
	}

	shared := partsOfOthers(found, own)

	for _, one := range oldestFirst(found) {
		if !own[one.sum] || shared[one.sum] {
			continue
		}

		if err := ctx.Err(); err != nil {
			return err
		}

		if err := s.drop(ctx, one, keep); err != nil {
			return fmt.Errorf("remove %s: %w", one.sum, err)
		}

		out.Removed++
		out.Bytes += one.size
	}

	return s.removeEmpty()
}

// partsOfOthers are what manifests name that are not in own, and what that names.
func partsOfOthers(found map[v1.Hash]*cached, own map[v1.Hash]bool) map[v1.Hash]bool {
	out := map[v1.Hash]bool{}

	for range maxDepth {
		for sum, one := range found {
			if own[sum] && !out[sum] {
				continue
			}

			for _, part := range one.refs {
				out[part] = true
			}
		}
	}

	return out
}
