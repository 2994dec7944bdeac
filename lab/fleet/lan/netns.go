// SPDX-License-Identifier: Apache-2.0

package lan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
)

// NetnsConfig says which addresses the fixed ends of the network have. A zero prefix means an end without address.
type NetnsConfig struct {
	Bastion netip.Prefix // 10.77.0.2/24 in the demo
	Site    netip.Prefix // 10.77.0.1/24 in the demo
}

// Netns is a network of namespaces around one bridge.
type Netns struct {
	// Bastion is where `cozy-install up` runs; its link is called eth0.
	Bastion *Space
	// Site is where the site's own DHCP server and image factory run.
	Site *Space

	bridge *Space
	master int // index of the bridge

	mu     sync.Mutex
	nextID int
	ports  map[*netnsPort]struct{}
}

// NewNetns makes the namespaces, the bridge and the two fixed ends. The error says what is missing where the caller may
// not make namespaces. Close it.
func NewNetns(cfg NetnsConfig) (*Netns, error) {
	n := &Netns{ports: map[*netnsPort]struct{}{}}
	if err := n.build(cfg); err != nil {
		return nil, errors.Join(err, n.Close())
	}

	return n, nil
}

func (n *Netns) build(cfg NetnsConfig) (err error) {
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

	if n.Bastion, err = n.end("bastion", nil, cfg.Bastion); err != nil {
		return err
	}

	n.Site, err = n.end("site", nil, cfg.Site)

	return err
}

// end makes a namespace whose eth0 hangs on the bridge.
func (n *Netns) end(name string, mac net.HardwareAddr, address netip.Prefix) (*Space, error) {
	space, err := newSpace(name)
	if err != nil {
		return nil, err
	}

	if err := n.connect(space, mac, address); err != nil {
		return nil, errors.Join(fmt.Errorf("plug %q into the simulated LAN: %w", name, err), space.Close())
	}

	return space, nil
}

func (n *Netns) connect(space *Space, mac net.HardwareAddr, address netip.Prefix) error {
	n.mu.Lock()
	n.nextID++
	near := fmt.Sprintf("port%d", n.nextID)
	n.mu.Unlock()

	pair := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: near, MasterIndex: n.master},
		PeerName:         linkName,
		PeerHardwareAddr: mac,
		PeerNamespace:    netlink.NsFd(int(space.ns)),
	}
	if err := n.bridge.handle.LinkAdd(pair); err != nil {
		return fmt.Errorf("make veth pair %s: %w", near, err)
	}

	if err := n.bridge.handle.LinkSetUp(pair); err != nil {
		return err
	}

	link, err := space.handle.LinkByName(linkName)
	if err != nil {
		return err
	}

	if address.IsValid() {
		if err := space.handle.AddrReplace(link, &netlink.Addr{IPNet: ipNet(address)}); err != nil {
			return fmt.Errorf("assign %s: %w", address, err)
		}
	}

	return space.handle.LinkSetUp(link)
}

// Attach plugs a machine in. Its port has no address yet.
func (n *Netns) Attach(_ context.Context, name string, mac net.HardwareAddr) (Port, error) {
	space, err := n.end(name, mac, netip.Prefix{})
	if err != nil {
		return nil, err
	}

	port := &netnsPort{Space: space, mac: mac}

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
