// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// chunkSize is how much of a file on disk is read at once: more than the largest window, and 128 MB for the largest
// number of transfers.
const chunkSize = 64 << 10

// content is what one transfer sends: a file in memory, or a part of one on disk.
type content struct {
	size  int64
	file  *os.File // nil for a file in memory
	chunk []byte   // all of a file in memory
	at    int64    // where chunk begins in the file

	chunks *sync.Pool // where chunk comes from, and goes to
}

// open makes ready to send. Chunks holds *[chunkSize]byte: small files on disk follow each other quickly.
func (f File) open(chunks *sync.Pool) (content, error) {
	if f.Root == nil {
		return content{size: int64(len(f.Data)), chunk: f.Data}, nil
	}
	file, err := f.Root.Open(f.Name)
	if err != nil {
		return content{}, fmt.Errorf("%w: %w", errUnread, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", f.Name)
	}
	if err != nil {
		return content{}, errors.Join(fmt.Errorf("%w: %w", errUnread, err), file.Close())
	}
	return content{size: info.Size(), file: file, chunks: chunks}, nil
}

// holds says that bytes from start to end are in memory.
func (c *content) holds(start, end int64) bool {
	return start >= c.at && end <= c.at+int64(len(c.chunk))
}

// read makes the chunk begin at start. What was sliced from the chunk before is overwritten.
func (c *content) read(start int64) error {
	if c.chunk == nil {
		c.chunk = c.chunks.Get().(*[chunkSize]byte)[:]
	}
	c.at, c.chunk = start, c.chunk[:cap(c.chunk)]
	n, err := c.file.ReadAt(c.chunk, start)
	c.chunk = c.chunk[:n]
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	return nil
}

// close may be called when nothing points into the chunk any more.
func (c *content) close() {
	if c.file == nil {
		return
	}
	_ = c.file.Close() // only read: nothing to lose
	if c.chunk != nil {
		c.chunks.Put((*[chunkSize]byte)(c.chunk[:chunkSize]))
		c.chunk = nil
	}
}
