// SPDX-License-Identifier: Apache-2.0

// Package lan is the simulated provisioning network: what the lab's machines, its bastion and its site are plugged into.
//
// There are two: Netns makes network namespaces with a bridge and a veth pair for each machine (real ports, real
// broadcasts, as root or inside an own user namespace), and Relay needs no privileges (loopback addresses, high ports,
// DHCP as through a relay agent). Neither leaves anything behind when its process dies, even by SIGKILL: the namespaces
// have no names, so the kernel removes them with the last process that holds them.
//
// It refuses to know what is sent. Still missing: VLANs, several links on one machine but the bastion, and loss inside the wire (the
// fleet and the firmware level order loss at the machines' ends).
package lan

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Ports are the numbers on which the site's boot services listen. A zero field means the well-known number.
type Ports struct {
	DHCP  int // 67
	Proxy int // 4011, the PXE boot service
	TFTP  int // 69
}

// WithDefaults fills in the well-known numbers.
func (p Ports) WithDefaults() Ports {
	if p.DHCP == 0 {
		p.DHCP = 67
	}

	if p.Proxy == 0 {
		p.Proxy = 4011
	}

	if p.TFTP == 0 {
		p.TFTP = 69
	}

	return p
}

// Port is one machine's network port. Its methods may be called concurrently.
type Port interface {
	// MAC is the port's hardware address.
	MAC() net.HardwareAddr
	// Ports are the numbers of the boot services on this network.
	Ports() Ports
	// OpenDHCP opens the client side of DHCP; the caller closes it.
	OpenDHCP(ctx context.Context) (DHCPConn, error)
	// Assign gives the port an address. Giving it twice is no error.
	Assign(address netip.Prefix) error
	// Release takes an address away. Taking one that is not there is no error.
	Release(address netip.Prefix) error
	// Announce tells the neighbours that an address lives here now (gratuitous ARP).
	Announce(address netip.Addr) error
	// Listen accepts TCP connections on one of the port's addresses.
	Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error)
	// ListenPacket opens a UDP socket on one of the port's addresses.
	ListenPacket(ctx context.Context, at netip.AddrPort) (net.PacketConn, error)
	// Dial opens a TCP connection from one of the port's addresses.
	Dial(ctx context.Context, from netip.Addr, to string) (net.Conn, error)
	// Plug connects the cable and waits until the network sees it. A new port is plugged in.
	Plug(ctx context.Context) error
	// Unplug takes the cable out: the machine is silent then, it does not even refuse connections.
	Unplug() error
	// Close removes the port from the network. It may be called twice.
	Close() error
}

// DHCPConn carries DHCP packets between a client that may have no address and all servers of its network.
type DHCPConn interface {
	// Send gives one packet to every server.
	Send(packet []byte) error
	// Receive waits for one packet until the deadline. The address is the sender's.
	Receive(buf []byte) (int, netip.AddrPort, error)
	// SetDeadline limits all later calls of Receive.
	SetDeadline(t time.Time) error
	// Close wakes a waiting Receive with an error.
	Close() error
}
