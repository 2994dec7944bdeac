// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/dustin/go-humanize"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// cache is a directory of blobs, each under its digest, and only when it is whole: what an interrupted run has fetched is not
// fetched again.
type cache struct{ dir string }

func (c cache) make() error {
	if err := os.MkdirAll(filepath.Join(c.dir, filepath.FromSlash(blobsFolder)), 0o700); err != nil {
		return fmt.Errorf("make the cache of images: %w", err)
	}
	return nil
}

func (c cache) path(sum v1.Hash) string {
	return filepath.Join(c.dir, filepath.FromSlash(blobFile(sum)))
}

// size is that of a blob; false: it is not there.
func (c cache) size(sum v1.Hash) (int64, bool) {
	info, err := os.Stat(c.path(sum))
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// small reads a blob into memory if it is there and what its name says.
func (c cache) small(sum v1.Hash) ([]byte, bool) {
	if size, has := c.size(sum); !has || size > largestManifest {
		return nil, false
	}
	content, err := os.ReadFile(c.path(sum))
	return content, err == nil && sumOf(content) == sum
}

func (c cache) put(sum v1.Hash, content []byte) error {
	if _, has := c.small(sum); has {
		return nil
	}
	return c.write(sum, func(to io.Writer) error {
		_, err := to.Write(content)
		return err
	})
}

// write keeps what fill writes, if it is what the digest says.
func (c cache) write(sum v1.Hash, fill func(io.Writer) error) (err error) {
	part, err := os.CreateTemp(c.dir, "part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	hash := sha256.New()
	if err := errors.Join(fill(io.MultiWriter(part, hash)), part.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum.Hex {
		return &wrongBlobError{want: sum, got: got}
	}
	return os.Rename(part.Name(), c.path(sum))
}

// removeParts removes what killed runs left. The caller is the only one who writes to the directory.
func (c cache) removeParts() error {
	parts, err := filepath.Glob(filepath.Join(c.dir, "part-*"))
	for _, part := range parts {
		err = errors.Join(err, os.Remove(part))
	}
	return err
}

// wrongBlobError says that a blob is not what its digest says.
type wrongBlobError struct {
	want v1.Hash
	got  string // in hexadecimal
}

func (e *wrongBlobError) Error() string {
	return fmt.Sprintf("SHA-256 is %s, want %s", e.got, e.want.Hex)
}

func sumOf(content []byte) v1.Hash {
	sum := sha256.Sum256(content)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// freeSpace is how many bytes may be written below a directory.
func freeSpace(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

// NoSpaceError says that a disk is too small for what is to be written.
type NoSpaceError struct {
	Dir        string
	Need, Free int64 // bytes
}

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("%s: %s are needed, %s are free", e.Dir, humanize.IBytes(uint64(e.Need)), humanize.IBytes(uint64(e.Free)))
}

// Hint says what goes where.
func (e *NoSpaceError) Hint() string {
	return "make room there, or take another disk: the archive goes to --to FILE, and what is fetched for it, which the next run does " +
		"not fetch again, to the work directory (--work-dir DIR)"
}

// spaceNeed is what is to be written below a directory, in bytes.
type spaceNeed struct {
	dir   string
	bytes int64
}

// checkSpace makes sure that what goes below each directory has room; several may be on one disk.
func checkSpace(needs []spaceNeed) error {
	byDisk := map[uint64]*NoSpaceError{}
	for _, need := range needs {
		info, err := os.Stat(need.dir)
		if err != nil {
			return err
		}
		disk := deviceOf(info)
		if byDisk[disk] == nil {
			free, err := freeSpace(need.dir)
			if err != nil {
				return err
			}
			byDisk[disk] = &NoSpaceError{Dir: need.dir, Free: free}
		}
		if byDisk[disk].Need += need.bytes; byDisk[disk].Need > byDisk[disk].Free {
			return byDisk[disk]
		}
	}
	return nil
}

func deviceOf(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Dev
	}
	return 0
}
