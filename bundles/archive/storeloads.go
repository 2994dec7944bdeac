// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
)

// loadFolder has a file for each archive that was loaded, named after it.
const loadFolder = "archives"

// LoadedArchive is an archive that a store was loaded with.
type LoadedArchive struct {
	SHA256 string    `json:"sha256"` // Archive.SHA256
	Bundle string    `json:"bundle"`
	Loaded time.Time `json:"loaded"` // when it was last, or was said to be in use
	// Whole: all of it came into the store. False: it is being loaded, or that was broken off.
	Whole bool `json:"whole"`
}

// LoadArchive is Load of an archive, and remembers that the store has it, so that DropArchives knows which are the newest.
func (s *Store) LoadArchive(ctx context.Context, from *Archive, done func(Root)) (Loaded, error) {
	return s.loadAs(ctx, LoadedArchive{SHA256: from.SHA256, Bundle: from.Contents.Bundle}, from, from.Roots(), done)
}

func (s *Store) loadAs(ctx context.Context, entry LoadedArchive, content Content, roots []Root, done func(Root)) (Loaded, error) {
	if err := s.note(ctx, entry, time.Now()); err != nil { // until it is whole, nobody drops it
		return Loaded{}, err
	}

	loaded, err := s.load(ctx, entry.SHA256, content, roots, done)
	if err != nil {
		return loaded, err
	}

	entry.Whole = true

	return loaded, s.note(ctx, entry, time.Now())
}

// UseArchive makes an archive that the store was loaded with the newest, as somebody uses it again. One that it does not have is
// nothing to do.
func (s *Store) UseArchive(ctx context.Context, sha256 string) error {
	loads, err := s.Archives()
	if err != nil {
		return err
	}

	i := slices.IndexFunc(loads, func(one LoadedArchive) bool { return one.SHA256 == sha256 })
	if i < 0 {
		return nil
	}

	return s.note(ctx, loads[i], time.Now())
}

// Archives are those that the store was loaded with, the newest first. One whose file can't be read is a *PinError.
func (s *Store) Archives() ([]LoadedArchive, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, loadFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("read which archives the registry's store was loaded with: %w", err)
	}

	var out []LoadedArchive

	for _, entry := range entries {
		name := filepath.Join(s.dir, loadFolder, entry.Name())

		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, &PinError{File: name, Err: err}
		}

		var one LoadedArchive
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, &PinError{File: name, Err: err}
		}

		if s.loadFile(one) != name {
			return nil, &PinError{File: name, Err: errors.New("it is not of the archive that it is named after")}
		}

		out = append(out, one)
	}

	slices.SortFunc(out, func(a, b LoadedArchive) int {
		return cmp.Or(b.Loaded.Compare(a.Loaded), cmp.Compare(a.SHA256, b.SHA256))
	})

	return out, nil
}

func (s *Store) loadFile(one LoadedArchive) string {
	return filepath.Join(s.dir, loadFolder, one.SHA256+".json")
}

func (s *Store) note(ctx context.Context, one LoadedArchive, at time.Time) error {
	one.Loaded = at.UTC()

	raw, err := json.Marshal(one)
	if err != nil {
		return err
	}

	name := s.loadFile(one)

	return s.change(ctx, func() error {
		if err := s.writeNote(name, raw); err != nil {
			return fmt.Errorf("note that the registry's store has archive %s: %w", one.SHA256, err)
		}

		return nil
	})
}

// writeNote writes a file beside the content, whole or not at all, and makes it last. It is called within change.
func (s *Store) writeNote(name string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}

	if err := renameio.WriteFile(name, raw, 0o600, renameio.WithTempDir(s.incoming())); err != nil {
		return err
	}

	return syncDir(filepath.Dir(name))
}
