// SPDX-License-Identifier: Apache-2.0

package lan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
)

// NetnsConfig says which addresses the fixed ends of the network have. A zero prefix means an end without address.
type NetnsConfig struct {
	Bastion netip.Prefix // 10.77.0.2/24 in the demo
	Site    netip.Prefix // 10.77.0.1/24 in the demo
	// In is a namespace that is there already and becomes the bastion, with a link called eth1: see [Here]. Nil: the bastion is
	// made as well.
	In *Space
}

// Netns is a network of namespaces around one bridge.
type Netns struct {
	// Bastion is where `cozy-install up` runs; its link is called eth0.
	Bastion *Space
	// Site is where the site's own DHCP server and image factory run.
	Site *Space

	bridge *Space
	master int // index of the bridge
	// bastionPort is the bridge's end of the bastion's cable.
	bastionPort string

	mu     sync.Mutex
	nextID int
	ports  map[*netnsPort]struct{}
}

// NewNetns makes the namespaces, the bridge and the two fixed ends. The error says what is missing where the caller may
// not make namespaces. Close it.
func NewNetns(ctx context.Context, cfg NetnsConfig) (*Netns, error) {
	n := &Netns{ports: map[*netnsPort]struct{}{}, Bastion: cfg.In}
	if err := n.build(ctx, cfg); err != nil {
		return nil, errors.Join(err, n.Close())
	}

	return n, nil
}

// Beside makes another network in which the same bastion stands, with a link called eth1. It can be called once. Close what
// it returns before the first network.
func (n *Netns) Beside(ctx context.Context, cfg NetnsConfig) (*Netns, error) {
	other := &Netns{ports: map[*netnsPort]struct{}{}, Bastion: n.Bastion}
	if err := other.build(ctx, cfg); err != nil {
		return nil, errors.Join(err, other.Close())
	}

	return other, nil
}

func (n *Netns) build(ctx context.Context, cfg NetnsConfig) (err error) {
	if n.bridge, err = newSpace("lan"); err != nil {
		return err
	}

	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	if err := n.bridge.handle.LinkAdd(bridge); err != nil {
		return fmt.Errorf("make the bridge: %w", err)
	}

	n.master = bridge.Attrs().Index

	if err := n.bridge.handle.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("set the bridge up: %w", err)
	}

	if n.Bastion == nil {
		n.Bastion, n.bastionPort, err = n.end(ctx, "bastion", nil, cfg.Bastion)
	} else {
		n.bastionPort = "bastion"
		err = n.connect(ctx, n.Bastion, secondLink, "bastion", nil, cfg.Bastion)
	}

	if err != nil {
		return err
	}

	n.Site, _, err = n.end(ctx, "site", nil, cfg.Site)

	return err
}

// end makes a namespace whose eth0 hangs on the bridge, at the port whose name it returns.
func (n *Netns) end(
	ctx context.Context, name string, mac net.HardwareAddr, address netip.Prefix,
) (*Space, string, error) {
	space, err := newSpace(name)
	if err != nil {
		return nil, "", err
	}

	n.mu.Lock()
	n.nextID++
	near := fmt.Sprintf("port%d", n.nextID)
	n.mu.Unlock()

	if err := n.connect(ctx, space, linkName, near, mac, address); err != nil {
		return nil, "", errors.Join(fmt.Errorf("plug %q into the simulated LAN: %w", name, err), space.Close())
	}

	return space, near, nil
}

// connect puts a pair of links between a space, where its end is called far, and the bridge.
func (n *Netns) connect(
	ctx context.Context, space *Space, far, near string, mac net.HardwareAddr, address netip.Prefix,
) error {
	pair := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: near, MasterIndex: n.master},
		PeerName:         far,
		PeerHardwareAddr: mac,
		PeerNamespace:    netlink.NsFd(int(space.ns)),
	}
	if err := n.bridge.handle.LinkAdd(pair); err != nil {
		return fmt.Errorf("make veth pair %s: %w", near, err)
	}

	if err := n.bridge.handle.LinkSetUp(pair); err != nil {
		return err
	}

	link, err := space.handle.LinkByName(far)
	if err != nil {
		return err
	}

	if address.IsValid() {
		if err := space.handle.AddrReplace(link, &netlink.Addr{IPNet: ipNet(address)}); err != nil {
			return fmt.Errorf("assign %s: %w", address, err)
		}
	}

	if err := space.handle.LinkSetUp(link); err != nil {
		return err
	}

	return n.waitCarrier(ctx, space, far, near)
}

// waitCarrier waits until both ends of a pair are up: the kernel tells the bridge so asynchronously, and until then
// everything sent, a first DHCPDISCOVER or a gratuitous ARP, is lost without a trace.
func (n *Netns) waitCarrier(ctx context.Context, space *Space, far, near string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	for {
		mine, err := space.handle.LinkByName(far)
		if err != nil {
			return err
		}

		theirs, err := n.bridge.handle.LinkByName(near)
		if err != nil {
			return err
		}

		if mine.Attrs().OperState == netlink.OperUp && theirs.Attrs().OperState == netlink.OperUp {
			return nil
		}

		if err := (clock.Clock{}).Wait(ctx, 2*time.Millisecond); err != nil {
			return fmt.Errorf("wait for the carrier: this end is %s, the bridge's %s: %w",
				mine.Attrs().OperState, theirs.Attrs().OperState, err)
		}
	}
}

// Attach plugs a machine in. Its port has no address yet.
func (n *Netns) Attach(ctx context.Context, name string, mac net.HardwareAddr) (Port, error) {
	space, near, err := n.end(ctx, name, mac, netip.Prefix{})
	if err != nil {
		return nil, err
	}

	port := &netnsPort{Space: space, mac: mac, carrier: func(ctx context.Context) error {
		return n.waitCarrier(ctx, space, linkName, near)
	}}

	n.mu.Lock()
	n.ports[port] = struct{}{}
	n.mu.Unlock()

	return port, nil
}

// NodeAddress gives the address under which a node is entered in Kubernetes: here its own.
func (n *Netns) NodeAddress(own netip.Addr) netip.Addr { return own }

// Close gives up all namespaces. It may be called twice.
func (n *Netns) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()

	var errs []error
	for port := range n.ports {
		errs = append(errs, port.Close())
	}

	for _, space := range []*Space{n.Bastion, n.Site, n.bridge} {
		if space != nil {
			errs = append(errs, space.Close())
		}
	}

	return errors.Join(errs...)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
