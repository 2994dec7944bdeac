// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
)

// wire is a machine's port as its operating system uses it: with a DHCP client of its own, which asks for no boot file.
// It does not renew: no test lasts as long as a lease.
type wire struct {
	lan.Port

	clock clock.Clock
	drop  func(protocol string) bool
}

// Lease asks until there is an address: Talos never gives up.
func (w *wire) Lease(ctx context.Context) (netip.Prefix, error) {
	for {
		lease, err := w.ask(ctx)
		if err == nil || ctx.Err() != nil {
			return lease, err
		}

		if err := w.clock.Wait(ctx, attemptPause); err != nil {
			return netip.Prefix{}, err
		}
	}
}

func (w *wire) ask(ctx context.Context) (netip.Prefix, error) {
	conn, err := w.OpenDHCP(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	defer conn.Close()

	client := &dhcp.Client{
		Conn: conn, Clock: w.clock, MAC: w.MAC(), Drop: func() bool { return w.drop(rom.DHCP) },
	}

	lease, err := client.Lease(ctx)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("lease an address for the system: %w", err)
	}

	return lease.Address, nil
}
