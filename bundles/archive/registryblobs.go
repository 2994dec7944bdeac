// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Where distribution has things (storage/paths.go), in its store.
const (
	storeRoot  = "/docker/registry/v2"
	blobFolder = storeRoot + "/blobs/sha256"
	// repositoryFolder has a directory for each repository.
	repositoryFolder = storeRoot + "/repositories"
)

func (s *Store) blobFile(sum v1.Hash) string {
	return filepath.Join(s.dir, filepath.FromSlash(blobFolder), sum.Hex[:2], sum.Hex, "data")
}

func blobLink(repository string, sum v1.Hash) string {
	return path.Join(repositoryFolder, repository, "_layers", sum.Algorithm, sum.Hex, "link")
}

// openBlob opens a blob of a repository. The error is fs.ErrNotExist for what is not there, or not in that repository.
func (s *Store) openBlob(repository string, sum v1.Hash) (*os.File, error) {
	if !s.isLinked(repository, sum) {
		return nil, fs.ErrNotExist
	}

	s.touch(sum)

	return os.Open(s.blobFile(sum))
}

func (s *Store) isLinked(repository string, sum v1.Hash) bool {
	_, err := os.Stat(filepath.Join(s.dir, filepath.FromSlash(blobLink(repository, sum))))

	return err == nil
}

// linkBlob lets a repository have a blob that the store has.
func (s *Store) linkBlob(ctx context.Context, repository string, sum v1.Hash) error {
	if s.isLinked(repository, sum) {
		return nil
	}

	err := s.change(ctx, func() error { return s.driver.PutContent(ctx, blobLink(repository, sum), []byte(sum.String())) })
	if err != nil {
		return fmt.Errorf("link blob %s to %s: %w", sum, repository, err)
	}

	return nil
}

func (s *Store) hasBlob(sum v1.Hash) bool {
	_, err := os.Stat(s.blobFile(sum))

	return err == nil
}

// addBlob stores what is read, unless it is not what its name says. A file on the store's own file system is linked and not
// copied. The return value is how many bytes were written.
func (s *Store) addBlob(ctx context.Context, sum v1.Hash, from io.Reader) (int64, error) {
	if file, ok := from.(*os.File); ok && s.adopt(ctx, sum, file) == nil {
		return 0, nil
	}

	blob, err := s.newBlob(sum)
	if err != nil {
		return 0, err
	}

	written, err := io.Copy(blob, &cancellable{ctx, from})
	if err == nil {
		err = blob.commit(ctx)
	}

	return written, errors.Join(err, blob.close())
}

// adopt gives a file the store's name too. The file is read from the start, and left there if it can't be adopted.
func (s *Store) adopt(ctx context.Context, sum v1.Hash, file *os.File) error {
	about, err := file.Stat()
	if err != nil {
		return err
	}

	if !about.Mode().IsRegular() {
		return errors.New("not a file of its own")
	}

	name := filepath.Join(s.incoming(), sum.Hex+".link")
	if err := errors.Join(ignoreNotExist(os.Remove(name)), os.Link(file.Name(), name)); err != nil {
		return err
	}

	hasher := sha256.New()

	_, err = io.Copy(hasher, &cancellable{ctx, file})
	if err == nil {
		err = sameSum(sum, hasher)
	}

	if err == nil {
		err = s.place(ctx, name, sum)
	}

	if err != nil {
		_, seekErr := file.Seek(0, io.SeekStart)

		return errors.Join(err, seekErr, ignoreNotExist(os.Remove(name)))
	}

	return nil
}

// place moves a finished file to where blobs are.
func (s *Store) place(ctx context.Context, name string, sum v1.Hash) error {
	target := s.blobFile(sum)

	return s.change(ctx, func() error {
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}

		if err := os.Rename(name, target); err != nil {
			return err
		}

		return syncDir(filepath.Dir(target))
	})
}

// incomingBlob is written before its sum is known to be right.
type incomingBlob struct {
	*os.File
	store  *Store
	sum    v1.Hash
	hasher hash.Hash
}

func (s *Store) newBlob(sum v1.Hash) (*incomingBlob, error) {
	file, err := os.CreateTemp(s.incoming(), sum.Hex+".*")
	if err != nil {
		return nil, fmt.Errorf("store blob %s: %w", sum, err)
	}

	return &incomingBlob{File: file, store: s, sum: sum, hasher: sha256.New()}, nil
}

func (b *incomingBlob) Write(p []byte) (int, error) {
	n, err := b.File.Write(p)
	b.hasher.Write(p[:n])

	return n, err
}

// ReadFrom hides the file's own, which would copy past the sum.
func (b *incomingBlob) ReadFrom(from io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, from)
}

// commit gives the blob its place, if it is what it should be.
func (b *incomingBlob) commit(ctx context.Context) error {
	if err := sameSum(b.sum, b.hasher); err != nil {
		return err
	}

	if err := b.Sync(); err != nil {
		return fmt.Errorf("store blob %s: %w", b.sum, err)
	}

	if err := b.store.place(ctx, b.Name(), b.sum); err != nil {
		return fmt.Errorf("store blob %s: %w", b.sum, err)
	}

	return nil
}

// close forgets what was not committed.
func (b *incomingBlob) close() error {
	return errors.Join(b.Close(), ignoreNotExist(os.Remove(b.Name())))
}

// WrongContentError says that content is not what its digest says.
type WrongContentError struct {
	Want v1.Hash
	Got  string // in hexadecimal
}

func (e *WrongContentError) Error() string {
	return fmt.Sprintf("content of %s is wrong: its SHA-256 is %s", e.Want, e.Got)
}

func sameSum(want v1.Hash, of hash.Hash) error {
	if got := hex.EncodeToString(of.Sum(nil)); got != want.Hex {
		return &WrongContentError{Want: want, Got: got}
	}

	return nil
}

// checkHash refuses digests that are no SHA-256, which could be anything in a path.
func checkHash(sum v1.Hash) error {
	if sum.Algorithm != "sha256" || len(sum.Hex) != 2*sha256.Size || strings.Trim(sum.Hex, "0123456789abcdef") != "" {
		return fmt.Errorf("digest %q: must be a SHA-256", sum)
	}

	return nil
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}

	return err
}
