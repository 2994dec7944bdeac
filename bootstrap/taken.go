// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/pxe"
	"github.com/cozystack/cozy-install/talos"
)

// TakenAddressError says that an address of the site is in use by a host that is not of the site.
type TakenAddressError struct {
	Addr netip.Addr
	For  string // what the site file wants it for: "network.vip", "node cp1"
	By   string // what was seen of the host
}

func (e *TakenAddressError) Error() string {
	return fmt.Sprintf("%s (%s) is in use by another host: %s", e.Addr, e.For, e.By)
}

// Hint says what to do.
func (e *TakenAddressError) Hint() string {
	return "take that host off the network, or take the address out of its DHCP server's pool, or write another address into the site file"
}

// probesAtOnce is how many addresses are asked for by ARP side by side. Each waits half a second on a socket of its own, which
// hears the answers to all.
const probesAtOnce = 128

// refuseTakenAddresses refuses nodes whose address another host has, which is told by ARP where that can be asked.
func (b *bringup) refuseTakenAddresses(ctx context.Context, nodes []site.Node, seen map[string]sight) error {
	var lock sync.Mutex
	var errs []error
	group := errgroup.Group{}
	group.SetLimit(probesAtOnce)
	for _, node := range nodes {
		machine := seen[node.Name]
		if machine.addr.Addr() == node.Address {
			continue // it has it already
		}
		group.Go(func() error {
			mac, err := pxe.Holder(ctx, node.Address)
			if err != nil {
				b.log.Debug("address not probed", "node", node.Name, "addr", node.Address, "reason", err)
			}
			if mac == nil || isCardOf(machine.inventory, mac) {
				return nil
			}
			lock.Lock()
			defer lock.Unlock()
			errs = append(errs, &TakenAddressError{Addr: node.Address, For: "node " + node.Name, By: "hardware address " + mac.String()})
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return errors.Join(errs...)
}

func isCardOf(machine talos.Inventory, mac net.HardwareAddr) bool {
	return slices.ContainsFunc(machine.Links, func(l talos.Link) bool { return l.MAC.String() == mac.String() })
}

// vipTimeout is longer than a kernel takes to find that nobody has an address on its network: three seconds.
const vipTimeout = 4 * time.Second

// refuseTakenVIP refuses a virtual address that somebody has although no control plane of ours does. The holder of ours
// answers the Talos API there, with our certificate.
func (b *bringup) refuseTakenVIP(ctx context.Context, seen map[string]sight) error {
	if b.only != "" {
		return nil // the site runs, and the address is its own
	}
	vip := b.site.Network.VIP
	if !vip.IsValid() {
		return nil
	}
	by, err := b.vipHolder(ctx, vip)
	if err != nil {
		b.log.Debug("the virtual address is not probed", "addr", vip, "reason", err)
	}
	if by == "" {
		return nil
	}
	creds, err := b.credentials()
	if err != nil {
		return err
	}
	answer, err := talos.Probe(ctx, netip.AddrPortFrom(vip, talos.Port), creds)
	if answer.State == talos.Ours {
		return nil
	}
	b.log.Debug("not ours at the virtual address", "addr", vip, "state", answer.State, "reason", err)
	for name, machine := range seen {
		if machine.addr.Addr() == vip {
			by += fmt.Sprintf(" (the machine of %s, by DHCP)", name)
		}
	}
	return &TakenAddressError{Addr: vip, For: "network.vip", By: by}
}

// vipHolder says what was seen of the host that has an address; empty if nobody has it. Without the right to send ARP the
// address is connected to: a host that refuses is there too. On loopback every address answers so, without anybody there.
func (b *bringup) vipHolder(ctx context.Context, vip netip.Addr) (string, error) {
	mac, err := pxe.Holder(ctx, vip)
	if err == nil && mac != nil {
		return "hardware address " + mac.String(), nil
	}
	if err == nil {
		return "", nil
	}
	dialer := net.Dialer{Timeout: vipTimeout}
	at := net.JoinHostPort(vip.String(), b.endpointPort())
	conn, dialErr := dialer.DialContext(ctx, "tcp", at)
	switch {
	case dialErr == nil:
		_ = conn.Close() // nothing was sent
		return "it accepts connections at " + at, nil
	case errors.Is(dialErr, syscall.ECONNREFUSED) && !vip.IsLoopback():
		return "it refuses connections at " + at, nil
	}
	return "", errors.Join(err, dialErr)
}

func (b *bringup) endpointPort() string {
	if port := b.endpoint.Port(); port != "" {
		return port
	}
	return "443"
}
