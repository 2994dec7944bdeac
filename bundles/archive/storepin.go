// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// pinFolder has a file for each root that was loaded. It is written before the root's content, and names all of it: what a killed
// load got into the store, and what was there by being pulled through, is not taken away under it.
const pinFolder = "pins"

// pin says what a loaded root needs.
type pin struct {
	Repository string    `json:"repository"`
	Tag        string    `json:"tag,omitempty"`
	Digest     v1.Hash   `json:"digest"`
	Archive    string    `json:"archive,omitempty"` // that brought it, by its SHA256; empty: none, or an older program loaded it
	Content    []v1.Hash `json:"content"`           // manifests and blobs; the root's own manifest is the first
}

// pinFile has one root of one archive: what two archives have is pinned twice, and stays when one of them goes.
func (s *Store) pinFile(root Root, archive string) string {
	name := root.String() + "@" + root.Digest.String()
	if archive != "" {
		name += "@" + archive
	}

	return filepath.Join(s.dir, pinFolder, sumOf([]byte(name)).Hex+".json")
}

// pin keeps a root's content from being collected, whether it is there by now or not.
func (s *Store) pin(ctx context.Context, root Root, archive string, content []v1.Hash) error {
	raw, err := json.Marshal(pin{Repository: root.Repository, Tag: root.Tag, Digest: root.Digest, Archive: archive, Content: content})
	if err != nil {
		return err
	}

	name := s.pinFile(root, archive)

	return s.change(ctx, func() error {
		if has, err := os.ReadFile(name); err == nil && bytes.Equal(has, raw) {
			return os.Chtimes(name, time.Time{}, time.Now()) // of those with one tag the last is the one that counts
		}

		if err := s.writeNote(name, raw); err != nil {
			return fmt.Errorf("pin %s: %w", root, err)
		}

		return nil
	})
}

// pins are what must stay.
type pins struct {
	content map[v1.Hash]bool
	tags    map[string]v1.Hash   // repository:tag -> what was loaded as it last
	charts  map[string]bool      // repositories of charts that were loaded
	when    map[string]time.Time // each tag's pin was written, by which the last is known
}

func newPins() pins {
	return pins{content: map[v1.Hash]bool{}, tags: map[string]v1.Hash{}, charts: map[string]bool{}, when: map[string]time.Time{}}
}

// readPins fails if one pin can't be read: what it names could then be anything.
func (s *Store) readPins() (pins, error) {
	out := newPins()
	err := s.eachPin(func(_ string, one pin, at time.Time) { out.add(one, at) })

	return out, err
}

// add adds what one pin keeps that was written at a time.
func (p pins) add(one pin, at time.Time) {
	for _, sum := range one.Content {
		p.content[sum] = true
	}

	if strings.HasPrefix(one.Repository, chartFolder+"/") {
		p.charts[one.Repository] = true
	}

	if tag := one.Repository + ":" + one.Tag; one.Tag != "" && !at.Before(p.when[tag]) {
		p.tags[tag], p.when[tag] = one.Digest, at
	}
}

func (s *Store) eachPin(see func(file string, one pin, at time.Time)) error {
	entries, err := os.ReadDir(filepath.Join(s.dir, pinFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}

	if err != nil {
		return fmt.Errorf("read what the registry's store must keep: %w", err)
	}

	for _, entry := range entries {
		name := filepath.Join(s.dir, pinFolder, entry.Name())

		one, at, err := readPin(name)
		if err != nil {
			return &PinError{File: name, Err: err}
		}

		see(name, one, at)
	}

	return nil
}

func readPin(name string) (pin, time.Time, error) {
	about, err := os.Stat(name)
	if err != nil {
		return pin{}, time.Time{}, err
	}

	raw, err := os.ReadFile(name)
	if err != nil {
		return pin{}, time.Time{}, err
	}

	var out pin
	if err := json.Unmarshal(raw, &out); err != nil {
		return pin{}, time.Time{}, err
	}

	if out.Repository == "" || len(out.Content) == 0 || out.Content[0] != out.Digest {
		return pin{}, time.Time{}, errors.New("it does not name a root and its content")
	}

	return out, about.ModTime(), nil
}

// PinError says that nothing is removed, as it is not known what was loaded, or what a loaded image or chart needs.
type PinError struct {
	File string
	Err  error
}

func (e *PinError) Error() string {
	return fmt.Sprintf("nothing is removed from the registry's store: %s, which says what was loaded, can't be read: %v", e.File, e.Err)
}

func (e *PinError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *PinError) Hint() string {
	return "remove the file and load the archives again, which writes it anew: cozy-install bundle serve --archive FILE"
}
