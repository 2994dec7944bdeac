// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// sumsFile has the format of sha256sum(1), so that an operator can check a directory with "sha256sum -c".
const sumsFile = "SHA256SUMS"

// maxSums bounds the file when it was put there by somebody else.
const maxSums = 1 << 20

// ChecksumError says that a file is not the one that was recorded.
type ChecksumError struct {
	Path      string
	Got, Want string // SHA-256, lower-case hex
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("%s: SHA-256 is %s, recorded was %s", e.Path, e.Got, e.Want)
}

// Hint says how to start anew.
func (e *ChecksumError) Hint() string {
	return fmt.Sprintf("if the change is expected, remove %s and what lies beside it; otherwise find out who changed the file",
		filepath.Join(filepath.Dir(e.Path), sumsFile))
}

// sums maps file names to SHA-256 sums in lower-case hex.
type sums map[string]string

// readSums returns no sums when the directory has no such file.
func readSums(dir string) (sums, error) {
	path := filepath.Join(dir, sumsFile)
	file, err := os.Open(path)
	if isAbsent(err) {
		return sums{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read recorded checksums: %w", err)
	}
	defer file.Close() // only read: nothing to lose
	recorded := sums{}
	lines := bufio.NewScanner(io.LimitReader(file, maxSums))
	for number := 1; lines.Scan(); number++ {
		sum, name, ok := strings.Cut(lines.Text(), " ")
		name = strings.TrimLeft(name, " *") // two blanks, or a blank and the mark of binary mode
		if digest, err := hex.DecodeString(sum); !ok || err != nil || len(digest) != sha256.Size || name == "" {
			return nil, fmt.Errorf("read recorded checksums: %s:%d: want \"<64 hex digits>  <file name>\"", path, number)
		}
		recorded[name] = strings.ToLower(sum)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read recorded checksums: %s: %w", path, err)
	}
	return recorded, nil
}

// write replaces the directory's record atomically.
func (s sums) write(dir string) error {
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&text, "%s  %s\n", s[name], name)
	}
	if err := renameio.WriteFile(filepath.Join(dir, sumsFile), text.Bytes(), 0o600, renameio.WithTempDir(dir)); err != nil {
		return fmt.Errorf("record checksums: %w", err)
	}
	return nil
}

// state is what check found.
type state int

const (
	absent     state = iota // no such file
	unrecorded              // there, but nobody knows its sum
	intact                  // there, with the recorded sum
)

// check compares a file with its record. The error is a *ChecksumError when they differ.
func (s sums) check(dir, name string) (state, error) {
	path := filepath.Join(dir, name)
	file, err := os.Open(path)
	if isAbsent(err) {
		return absent, nil
	}
	if err != nil {
		return absent, fmt.Errorf("check boot asset: %w", err)
	}
	defer file.Close() // only read: nothing to lose
	want, recorded := s[name]
	if !recorded {
		return unrecorded, nil
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return absent, fmt.Errorf("check boot asset: %w", err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return absent, &ChecksumError{Path: path, Got: got, Want: want}
	}
	return intact, nil
}
