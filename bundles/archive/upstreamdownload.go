// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// download is a blob on its way into the store, and its readers, who follow it. They get its last byte when it is known to be
// what its digest says, so that nobody takes something else for whole.
type download struct {
	sum     v1.Hash
	readers sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when the progress changes
	progress
}

// progress is how far a download is.
type progress struct {
	blob     *incomingBlob // nil: not started
	size     int64
	written  int64
	finished bool
	err      error
}

func newDownload(sum v1.Hash) *download { return &download{sum: sum, changed: make(chan struct{})} }

func (d *download) change(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()

	do()
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *download) start(blob *incomingBlob, size int64) {
	d.change(func() { d.blob, d.size = blob, size })
}

// Write implements io.Writer.
func (d *download) Write(p []byte) (int, error) {
	if d.written+int64(len(p)) > d.size {
		return 0, fmt.Errorf("more came than the %d bytes that were announced", d.size)
	}

	n, err := d.blob.Write(p)
	d.change(func() { d.written += int64(n) })

	return n, err
}

// finish tells the readers how it ended.
func (d *download) finish(err error) { d.change(func() { d.finished, d.err = true, err }) }

// close waits for the readers, who read the file although it is where it belongs.
func (d *download) close() {
	d.readers.Wait()

	if d.blob != nil {
		_ = d.blob.close() // it was synced before it was put in place
	}
}

// look returns how far it is, and what is closed when that is out of date.
func (d *download) look() (progress, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()

	return d.progress, d.changed
}

// until waits for a state, or for the end of the download.
func (d *download) until(ctx context.Context, is func(progress) bool) (progress, error) {
	for {
		state, changed := d.look()
		if state.finished || is(state) {
			return state, state.err
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return state, ctx.Err()
		}
	}
}

// wait returns when the store has the blob.
func (d *download) wait(ctx context.Context) error {
	_, err := d.until(ctx, func(progress) bool { return false })

	return err
}

// stream answers with the blob as it comes. After the first byte an error ends the connection, as the protocol has no other
// word for it.
func (d *download) stream(ctx context.Context, w http.ResponseWriter) error {
	state, err := d.until(ctx, func(s progress) bool { return s.blob != nil && s.written > 0 })
	if err != nil {
		return err
	}

	blobHeader(w.Header(), d.sum)
	w.Header().Set("Content-Length", strconv.FormatInt(state.size, 10))
	w.WriteHeader(http.StatusOK)

	for sent := int64(0); sent < state.size; {
		state, err = d.until(ctx, func(s progress) bool { return s.ready() > sent })
		if err != nil {
			panic(http.ErrAbortHandler)
		}

		n, err := io.Copy(w, io.NewSectionReader(state.blob, sent, state.ready()-sent))
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}

		if err != nil {
			panic(http.ErrAbortHandler) // the client is gone, or the file is
		}

		sent += n
	}

	return nil
}

// ready is how much may be sent.
func (p progress) ready() int64 {
	if !p.finished {
		return min(p.written, p.size-1)
	}

	return p.written
}

func blobHeader(header http.Header, sum v1.Hash) {
	header.Set("Docker-Distribution-API-Version", "registry/2.0")
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Docker-Content-Digest", sum.String())
	header.Set("Etag", `"`+sum.String()+`"`)
	header.Set("Cache-Control", "max-age=31536000, immutable")
}
