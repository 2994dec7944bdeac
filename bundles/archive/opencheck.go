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
)

// Check reads everything, and names every file that is not what the sums say. An archive of a bundle takes as long as its disk
// does.
func (a *Archive) Check(ctx context.Context) error {
	var wrong []error
	for _, name := range sortedKeys(a.parts) {
		from, err := a.open(name)
		if err == nil {
			_, err = io.Copy(io.Discard, &cancellable{ctx, from})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// checked is a file of an archive that is summed up while it is read.
type checked struct {
	name, want string
	from       io.Reader
	sum        hash.Hash
}

func newChecked(name, want string, from io.Reader) *checked {
	return &checked{name: name, want: want, from: from, sum: sha256.New()}
}

// Read gives io.EOF only when everything was read and is right.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.sum.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(c.sum.Sum(nil)); got != c.want {
			return n, &ChangedError{File: c.name, Got: got, Want: c.want}
		}
	}
	return n, err
}

// Close does nothing: the archive stays open.
func (c *checked) Close() error { return nil }

// ChangedError says that a file of an archive was changed after it was saved.
type ChangedError struct {
	File      string // in the archive
	Got, Want string // SHA-256 in hexadecimal
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s in the archive was changed: SHA-256 is %s, want %s", e.File, e.Got, e.Want)
}

// Hint tells what to do.
func (e *ChangedError) Hint() string { return "copy the archive again from where it was saved" }

// BrokenError says that a file is not a whole archive.
type BrokenError struct {
	File string
	Err  error
}

func (e *BrokenError) Error() string { return fmt.Sprintf("archive %s: %v", e.File, e.Err) }

func (e *BrokenError) Unwrap() error { return e.Err }

// Hint tells what to do.
func (e *BrokenError) Hint() string { return "copy the archive again from where it was saved" }
