// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"time"
)

// cutPatience is how long cut connections are taken for a restart of the API server.
const cutPatience = 30 * time.Second

// InstallOrUpgrade makes the release of p what p says, from the packed chart, and with wait returns when everything in it
// is ready, or after timeout with an error. If the same chart with the same values is deployed and ready already, it
// does nothing and returns false. The namespace must exist. Others' objects are an *OccupiedError, unless p adopts them.
//
// A revision that is pending was left by a process that died, since the caller holds the site's lock: it is marked as
// failed, and upgraded. When ctx ends, the revision is marked as failed too, and the call returns, but the SDK may go on
// in the background for up to timeout: end the process soon.
//
// An API server that restarts cuts connections, after which the SDK gives up. That is no fault of the release, so the revision
// that failed by it is upgraded at once. An attempt that fails more than half a minute after the first is the last.
func (h *Helm) InstallOrUpgrade(ctx context.Context, p Package, archive []byte, wait bool, timeout time.Duration) (bool, error) {
	changed := false
	var first time.Time // when an attempt failed for the first time
	passes := func(err error) bool {
		if !isCut(err) {
			return false
		}
		if first.IsZero() {
			first = time.Now()
		}
		return time.Since(first) < cutPatience
	}
	err := persistOver(ctx, passes, func(ctx context.Context) error {
		hasChanged, err := h.installOrUpgrade(ctx, p, archive, wait, timeout)
		changed = changed || hasChanged
		return err
	})
	return changed, err
}
