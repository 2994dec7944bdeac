// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// fetchTries is how often a blob is begun anew. Manifests are tried again by the library.
const fetchTries = 4

// fetch gets a blob into the cache. Got is told of its bytes as they come, and of those of a try that failed as negative; nil is
// allowed.
func (p *puller) fetch(ctx context.Context, from name.Repository, blob v1.Descriptor, got func(int64)) error {
	if got == nil {
		got = func(int64) {}
	}
	if size, has := p.cache.size(blob.Digest); has && size == blob.Size {
		return nil // it is not part of the total either
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := p.fetchOnce(ctx, from, blob, got)
		var refused *transport.Error
		var wrong *wrongBlobError
		if isForbidden(err) || errors.As(err, &wrong) || (errors.As(err, &refused) && !refused.Temporary()) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxTries(fetchTries), backoff.WithMaxElapsedTime(0)) // a large layer on a slow line takes as long as it takes
	if err != nil {
		return fmt.Errorf("blob %s: %w", blob.Digest, err)
	}
	return nil
}

func (p *puller) fetchOnce(ctx context.Context, from name.Repository, blob v1.Descriptor, got func(int64)) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(answerTimeout+pullStall, func() { cancel(errStalled) })
	defer watch.Stop()
	var done int64
	defer func() {
		if err != nil {
			got(-done)
			if errors.Is(context.Cause(ctx), errStalled) {
				err = errStalled
			}
		}
	}()
	client, err := p.client(from.Registry)
	if err != nil {
		return err
	}
	layer, err := client.Layer(ctx, from.Digest(blob.Digest.String()))
	if err != nil {
		return err
	}
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer content.Close() // read to the end or given up
	return p.cache.write(blob.Digest, func(to io.Writer) error {
		tell := writerFunc(func(b []byte) (int, error) {
			watch.Reset(pullStall)
			done += int64(len(b))
			got(int64(len(b)))
			return len(b), nil
		})
		n, err := io.Copy(io.MultiWriter(to, tell), io.LimitReader(content, blob.Size+1))
		if err == nil && n != blob.Size {
			err = fmt.Errorf("%d bytes came, want %d", n, blob.Size)
		}
		return err
	})
}

var errStalled = errors.New("the registry stopped sending")

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(b []byte) (int, error) { return w(b) }
