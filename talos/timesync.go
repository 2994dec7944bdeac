// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/resources/time"
)

// TimeSynced says whether a time server has set the node's clock, or the node was told to want none.
func (c *Client) TimeSynced(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	status, err := safe.StateGetByID[*time.Status](ctx, c.api.COSI, time.StatusID)
	if err != nil {
		return false, c.fail(ctx, "read the state of the clock", err, nil)
	}

	return status.TypedSpec().Synced || status.TypedSpec().SyncDisabled, nil
}
