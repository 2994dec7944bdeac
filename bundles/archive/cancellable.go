// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"io"
)

// cancellable ends reading when a context ends.
type cancellable struct {
	ctx  context.Context //nolint:containedctx // an io.Reader takes none
	from io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}

	return c.from.Read(p)
}
