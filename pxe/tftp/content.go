// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"errors"
	"fmt"
	"io"
	"os"
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
}

func (f File) open() (content, error) {
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
	return content{size: info.Size(), file: file}, nil
}

// holds says that bytes from start to end are in memory.
func (c *content) holds(start, end int64) bool {
	return start >= c.at && end <= c.at+int64(len(c.chunk))
}

// read makes the chunk begin at start. What was sliced from the chunk before is overwritten.
func (c *content) read(start int64) error {
	if c.chunk == nil {
		c.chunk = make([]byte, min(chunkSize, c.size))
	}
	c.at, c.chunk = start, c.chunk[:cap(c.chunk)]
	n, err := c.file.ReadAt(c.chunk, start)
	c.chunk = c.chunk[:n]
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	return nil
}

func (c *content) close() {
	if c.file != nil {
		_ = c.file.Close() // only read: nothing to lose
	}
}
