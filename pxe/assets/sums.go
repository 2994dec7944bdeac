// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// sumsFile has the format of sha256sum(1), so that an operator can check a directory with "sha256sum -c".
const sumsFile = "SHA256SUMS"

// maxSums bounds the file, in bytes, when it was put there by somebody else.
const maxSums = 1 << 20

// sums maps file names to SHA-256 sums in lower-case hex.
type sums map[string]string

// readSums returns no sums when the directory has no such file.
func readSums(dir string) (sums, error) {
	path := filepath.Join(dir, sumsFile)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sums{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read recorded checksums: %w", err)
	}
	defer file.Close() // only read: nothing to lose
	recorded, err := parseSums(file)
	if err != nil {
		return nil, fmt.Errorf("read recorded checksums: %s:%w", path, err)
	}
	return recorded, nil
}

// parseSums reads what sha256sum(1) writes. The error begins with the line's number.
func parseSums(from io.Reader) (sums, error) {
	recorded := sums{}
	lines := bufio.NewScanner(io.LimitReader(from, maxSums))
	number := 1
	for ; lines.Scan(); number++ {
		if lines.Text() == "" {
			continue
		}
		sum, name, _ := strings.Cut(lines.Text(), " ")
		name = strings.TrimRight(strings.TrimLeft(name, " *"), "\r") // two blanks, or a blank and the mark of binary mode
		if !isSum(sum) || name == "" {
			return nil, fmt.Errorf("%d: want \"<64 hex digits>  <file name>\"", number)
		}
		recorded[name] = strings.ToLower(sum)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%d: %w", number, err)
	}
	return recorded, nil
}

func isSum(text string) bool {
	digest, err := hex.DecodeString(text)
	return err == nil && len(digest) == sha256.Size
}

// text is the record as it is written.
func (s sums) text() []byte {
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&text, "%s  %s\n", s[name], name)
	}
	return text.Bytes()
}

// write replaces the directory's record atomically.
func (s sums) write(dir string) error {
	if err := renameio.WriteFile(filepath.Join(dir, sumsFile), s.text(), 0o600, renameio.WithTempDir(dir)); err != nil {
		return &CacheError{Dir: dir, Err: fmt.Errorf("record checksums: %w", err)}
	}
	return nil
}

// removeUnborn removes what a run left that was killed while it wrote the record: renameio's temporary files, a dot before
// the name and digits behind it.
func removeUnborn(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), "."+sumsFile); ok && rest != "" && strings.Trim(rest, "0123456789") == "" {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return &CacheError{Dir: dir, Err: err}
	}
	return nil
}

// expectation is the sum a file must have.
type expectation struct {
	sum    string
	pinned bool // by the caller, not recorded by an earlier run
}

// compare returns a *ChecksumError for another sum than the expected one.
func (e expectation) compare(path, got string) error {
	if got != e.sum {
		return &ChecksumError{Path: path, Got: got, Want: e.sum, Pinned: e.pinned}
	}
	return nil
}

// expectations are by file name. A file without one is as good as any.
type expectations map[string]expectation

// expect joins the pins with what a directory records. A pin wins: it is what a person decided.
func (w Want) expect(dir string) (expectations, error) {
	recorded, err := readSums(dir)
	if err != nil {
		return nil, err
	}
	list := expectations{}
	for name, sum := range recorded {
		list[name] = expectation{sum: sum}
	}
	for name, sum := range w.Pinned {
		list[name] = expectation{sum: strings.ToLower(sum), pinned: true}
	}
	return list, nil
}

// checkPins refuses pins that could never be compared with anything.
func checkPins(pinned map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(pinned)) {
		switch known := knownNames(); {
		case !slices.Contains(known, name):
			return &PinError{Name: name, Reason: "no boot asset has this name", Known: known}
		case !isSum(pinned[name]):
			return &PinError{Name: name, Reason: fmt.Sprintf("%.80q: want a SHA-256 of 64 hex digits", pinned[name])}
		}
	}
	return nil
}

// sumOf is the SHA-256 of the rest of a reader.
func sumOf(from io.Reader) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, from); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
