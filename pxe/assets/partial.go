// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// Endings of the two files an unfinished download consists of.
const (
	partEnding   = ".part"
	originEnding = ".part.json"
)

// partial is a file whose end is not there yet. What is written to it is hashed and reported on the way.
type partial struct {
	path   string // of the whole file
	file   *os.File
	from   origin
	size   int64
	hash   hash.Hash
	report func(done, total int64) // nil: nobody is told
	told   int64                   // bytes at the last report
}

// openPartial opens what an earlier run left of a file, and hashes it, or makes an empty one. Bytes of another URL, of an
// unknown origin, or too many are dropped.
func openPartial(path, url string, most int64, report func(done, total int64)) (*partial, error) {
	opened, err := os.OpenFile(path+partEnding, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &CacheError{Dir: filepath.Dir(path), Err: err}
	}
	p := &partial{path: path, file: opened, hash: sha256.New(), report: report}
	info, err := opened.Stat()
	if err == nil {
		p.from, err = readOrigin(path + originEnding)
	}
	if err == nil && p.from.URL == url && info.Size() <= most && (p.from.Total == 0 || info.Size() <= p.from.Total) {
		p.size, err = io.Copy(p.hash, opened)
	} else if err == nil {
		err = p.restart(origin{URL: url})
	}
	if err != nil {
		return nil, errors.Join(&CacheError{Dir: filepath.Dir(path), Err: err}, opened.Close())
	}
	p.tell()
	return p, nil
}

// restart drops what is there and notes the origin of what will be. The order matters to a run that is killed in between:
// at no time do bytes lie beside the origin of others.
func (p *partial) restart(from origin) error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.hash.Reset()
	p.size, p.told, p.from = 0, 0, from
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return os.WriteFile(p.path+originEnding, text, 0o600) // half of it is taken for none
}

// whole says whether everything is there, as far as the size is known.
func (p *partial) whole() bool { return p.from.Total > 0 && p.size == p.from.Total }

// Write appends. The error is a *CacheError.
func (p *partial) Write(data []byte) (int, error) {
	n, err := p.file.Write(data)
	p.hash.Write(data[:n])
	p.size += int64(n)
	if err != nil {
		return n, &CacheError{Dir: filepath.Dir(p.path), Err: err}
	}
	if p.size >= p.told+step {
		p.tell()
	}
	return n, nil
}

func (p *partial) tell() {
	p.told = p.size
	if p.report != nil {
		p.report(p.size, p.from.Total)
	}
}

func (p *partial) length() int64 { return p.size }

func (p *partial) sum() string { return hex.EncodeToString(p.hash.Sum(nil)) }

// close keeps what is there for a later run.
func (p *partial) close() error { return p.file.Close() }

// discard removes it.
func (p *partial) discard() error {
	return errors.Join(os.Remove(p.path+partEnding), os.Remove(p.path+originEnding))
}

// settle records the file's sum and gives the file its name. It must have been examined. The sum comes first: a run that
// is killed in between leaves a partial file to which nothing is lacking.
func (p *partial) settle(dir, name string) error {
	recorded, err := readSums(dir)
	if err != nil {
		return err
	}
	if recorded[name] != p.sum() {
		recorded[name] = p.sum()
		if err := recorded.write(dir); err != nil {
			return err
		}
	}
	err = p.file.Sync()
	if err == nil {
		err = os.Rename(p.path+partEnding, p.path)
	}
	if err == nil {
		err = os.Remove(p.path + originEnding)
	}
	if err != nil {
		return &CacheError{Dir: dir, Err: fmt.Errorf("put a fetched file in its place: %w", err)}
	}
	return nil
}
