// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func (l *loading) blobs(ctx context.Context, repository string, wanted []v1.Descriptor) error {
	for _, blob := range wanted {
		if err := ctx.Err(); err != nil {
			return err
		}

		if err := checkHash(blob.Digest); err != nil {
			return err
		}

		if len(blob.URLs) > 0 { // a foreign layer: who pulls gets it from there
			continue
		}

		if err := l.blob(ctx, repository, blob.Digest); err != nil {
			return err
		}
	}

	return nil
}

func (l *loading) blob(ctx context.Context, repository string, sum v1.Hash) error {
	if l.store.hasBlob(sum) {
		l.Kept++

		return l.store.linkBlob(ctx, repository, sum)
	}

	from, err := l.content.Blob(sum)
	if err != nil {
		return fmt.Errorf("read blob %s: %w", sum, err)
	}

	written, err := l.store.addBlob(ctx, sum, from)
	if err := errors.Join(err, from.Close()); err != nil {
		return err
	}

	l.New++
	l.Bytes += written
	l.room.used(written)

	return l.store.linkBlob(ctx, repository, sum)
}
