// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// scan goes through the headers of a tar file that somebody else may have made. Contents are skipped, not read.
type scan struct {
	at   *io.SectionReader
	tar  *tar.Reader
	next *tar.Header // read ahead; nil: nothing is
	size int64       // of the whole file
}

func newScan(from io.ReaderAt, size int64) *scan {
	at := io.NewSectionReader(from, 0, size)
	return &scan{at: at, tar: tar.NewReader(at), size: size}
}

// header is the next one, io.EOF behind the last. It stays until it is taken by setting next to nil.
func (s *scan) header() (*tar.Header, error) {
	if s.next != nil {
		return s.next, nil
	}
	h, err := s.tar.Next()
	if err != nil {
		return nil, err
	}
	switch {
	case h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("%q is no plain file", h.Name)
	case len(h.PAXRecords) > 0: // how a hole is written, for one
		return nil, fmt.Errorf("%q has extended headers", h.Name)
	case !isFileName(h.Name):
		return nil, fmt.Errorf("%q: no such file belongs into an archive", h.Name)
	case h.Size < 0 || h.Size > min(maxFile, s.size):
		return nil, fmt.Errorf("%q has %d bytes, more than there can be", h.Name, h.Size)
	}
	s.next = h
	return h, nil
}

// isFileName knows every name there can be, so none leads out of a directory.
func isFileName(name string) bool {
	switch name {
	case sumsFile, signatureFile, contentsFile, layoutFile, indexFile:
		return true
	}
	if asset, is := strings.CutPrefix(name, assetsFolder); is {
		return isAssetName(asset)
	}
	blob, is := strings.CutPrefix(name, blobsFolder)
	return is && isSum(blob)
}

func isSum(text string) bool { return regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(text) }

// head reads the file that comes next, and must be of that name.
func (s *scan) head(name string, most int64) ([]byte, error) {
	content, err := s.optional(name, most)
	if err == nil && content == nil {
		return nil, fmt.Errorf("%s is not where it should be: this is no archive of cozy-install", name)
	}
	return content, err
}

// optional is the same for one that may be absent: nil.
func (s *scan) optional(name string, most int64) ([]byte, error) {
	h, err := s.header()
	if errors.Is(err, io.EOF) || (err == nil && h.Name != name) {
		return nil, nil
	}
	if err != nil {
		return nil, cut(err)
	}
	s.next = nil
	if h.Size > most {
		return nil, fmt.Errorf("%s has more than %d bytes", name, most)
	}
	content := make([]byte, h.Size)
	if _, err := io.ReadFull(s.tar, content); err != nil {
		return nil, fmt.Errorf("%s: %w", name, cut(err))
	}
	return content, nil
}

// rest notes where all files are that the sums name. Others are refused, and so is what names a file twice.
func (s *scan) rest(sums map[string]string) (map[string]section, error) {
	parts := map[string]section{}
	for {
		h, err := s.header()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, cut(err)
		}
		s.next = nil
		if _, named := sums[h.Name]; !named {
			return nil, fmt.Errorf("%s is not in %s", h.Name, sumsFile)
		}
		if _, twice := parts[h.Name]; twice {
			return nil, fmt.Errorf("%s is there twice", h.Name)
		}
		at, err := s.at.Seek(0, io.SeekCurrent) // the reader stops where the content begins
		if err != nil {
			return nil, err
		}
		if at+h.Size > s.size {
			return nil, fmt.Errorf("%s: %w", h.Name, cut(io.ErrUnexpectedEOF))
		}
		parts[h.Name] = section{at, h.Size}
	}
	var lacks []string
	for _, name := range sortedKeys(sums) {
		if _, has := parts[name]; !has {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		return nil, fmt.Errorf("it lacks %d of %d files, %s first: it was cut off", len(lacks), len(sums), lacks[0])
	}
	return parts, nil
}

// cut says in words that a file ends too early.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it was cut off: %w", err)
	}
	return err
}

// parseSums reads SHA256SUMS.
func parseSums(raw []byte) (map[string]string, error) {
	sums := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		_, twice := sums[name]
		if !ok || !isSum(sum) || !isFileName(name) || twice {
			return nil, fmt.Errorf("%s, line %d: not a SHA-256 and the name of a file, or one for the second time", sumsFile, n)
		}
		if blob, is := strings.CutPrefix(name, blobsFolder); is && blob != sum {
			return nil, fmt.Errorf("%s, line %d: a blob is named by its SHA-256", sumsFile, n)
		}
		sums[name] = sum
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", sumsFile, err)
	}
	return sums, nil
}
