// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blob answers a request for a blob that the repository lacks, while it is fetched into the store. It reports false if the
// store has it by now, and the request may be answered as any other.
func (u *Upstream) blob(w http.ResponseWriter, request *http.Request, store *Store, image Image, sum v1.Hash) (served bool, err error) {
	ctx := request.Context()

	if store.hasBlob(sum) { // of another repository: the same content
		return false, store.linkBlob(ctx, image.Repository(), sum)
	}

	if request.Method == http.MethodHead {
		size, err := u.size(ctx, image)
		if err == nil {
			blobHeader(w.Header(), sum)
			w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		}

		return true, err
	}

	fetching := u.join(ctx, store, image, sum)
	defer fetching.readers.Done()

	if request.Header.Get("Range") != "" {
		return false, fetching.wait(ctx)
	}

	return true, fetching.stream(ctx, w)
}

func (u *Upstream) size(ctx context.Context, image Image) (int64, error) {
	own, end, err := u.begin(ctx, askTimeout)
	if err != nil {
		return 0, err
	}
	defer end()

	layer, err := u.layer(own, image)
	if err != nil {
		return 0, err
	}

	size, err := layer.Size()
	if err != nil {
		return 0, u.failed(image, err)
	}

	return size, nil
}

func (u *Upstream) layer(ctx context.Context, image Image) (v1.Layer, error) {
	ref, puller, err := u.client(image)
	if err != nil {
		return nil, err
	}

	at, ok := ref.(name.Digest)
	if !ok {
		return nil, fmt.Errorf("%s: a blob has a digest", image)
	}

	layer, err := puller.Layer(ctx, at)
	if err != nil {
		return nil, u.failed(image, err)
	}

	return layer, nil
}

// join takes part in the download of a blob, and starts it if nobody has. The caller is one of its readers.
func (u *Upstream) join(ctx context.Context, store *Store, image Image, sum v1.Hash) *download {
	key := image.Repository() + "@" + sum.String()

	u.mu.Lock()
	fetching, ok := u.running[key]

	if !ok {
		fetching = newDownload(sum)
		u.running[key] = fetching
	}

	fetching.readers.Add(1)
	u.mu.Unlock()

	if ok {
		return fetching
	}

	forget := func(err error) {
		fetching.finish(err)
		u.mu.Lock()
		delete(u.running, key)
		u.mu.Unlock()
	}

	own, end, err := u.begin(ctx, 0)
	if err != nil {
		forget(err)

		return fetching
	}

	go func() {
		defer end()
		forget(u.fetch(own, store, image, fetching))
		fetching.close()
	}()

	return fetching
}

// fetch downloads a blob into the store.
func (u *Upstream) fetch(ctx context.Context, store *Store, image Image, into *download) error {
	select {
	case u.slots <- struct{}{}:
		defer func() { <-u.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	// Each byte that comes winds it up again.
	stalled := time.AfterFunc(u.stall, func() { cancel(fmt.Errorf("nothing came for %s: %w", u.stall, context.DeadlineExceeded)) })
	defer stalled.Stop()

	layer, err := u.layer(ctx, image)
	if err != nil {
		return causeOf(ctx, err)
	}

	size, err := layer.Size()
	if err != nil {
		return causeOf(ctx, u.failed(image, err))
	}

	room, err := store.reserve(size)
	if err != nil {
		return err
	}
	defer room.release()

	from, err := layer.Compressed() // held against its digest while it is read
	if err != nil {
		return causeOf(ctx, u.failed(image, err))
	}

	blob, err := store.newBlob(into.sum)
	if err != nil {
		return errors.Join(err, from.Close())
	}

	into.start(blob, size)

	_, err = io.Copy(into, &winding{from, func(n int64) {
		stalled.Reset(u.stall)
		room.used(n)
	}})
	if ours := (*fs.PathError)(nil); err != nil && !errors.As(err, &ours) { // what is ours is a full disk, say
		err = causeOf(ctx, u.failed(image, err))
	}

	if err == nil {
		err = blob.commit(ctx)
	}

	if err == nil {
		store.grew(size)
		err = store.linkBlob(ctx, image.Repository(), into.sum)
	}

	return errors.Join(err, from.Close())
}

// causeOf says why a context ended, if that is why there is an error.
func causeOf(ctx context.Context, err error) error {
	upstream := (*UpstreamError)(nil)
	if cause := context.Cause(ctx); cause != nil && errors.As(err, &upstream) {
		upstream.Err = cause
	}

	return err
}

// winding calls a function with the length of each piece that is read.
type winding struct {
	io.Reader

	wind func(int64)
}

func (w *winding) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.wind(int64(n))
	}

	return n, err
}
