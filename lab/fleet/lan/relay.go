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
)

// Offsets of two fields of a BOOTP packet that a relay agent changes (RFC 951 section 3, RFC 1542 section 4.1.1).
const (
	bootpHops   = 3
	bootpGiaddr = 24
	bootpLength = 236
)

// RelayConfig describes a network without privileges.
type RelayConfig struct {
	// Agents is the loopback range in which each machine's relay agent gets an address, such as 127.77.1.0/24.
	Agents netip.Prefix
	// Servers are the DHCP servers that the agents forward to: the site's own and the proxy.
	Servers []netip.AddrPort
	// Ports are the numbers of the boot services. The agents listen on Ports.DHCP of their own addresses, because a
	// server answers a relayed client at that port (RFC 2131 section 4.1).
	Ports Ports
}

// Relay is a network on loopback. All of 127.0.0.0/8 is local on Linux, so addresses need no configuration.
type Relay struct {
	cfg RelayConfig

	mu   sync.Mutex
	next netip.Addr
}

// NewRelay makes the network. Nothing is opened before a machine asks.
func NewRelay(cfg RelayConfig) (*Relay, error) {
	if !cfg.Agents.Addr().Is4() || !cfg.Agents.Addr().IsLoopback() {
		return nil, fmt.Errorf("relay agents in %s: not a range of IPv4 loopback addresses", cfg.Agents)
	}

	if len(cfg.Servers) == 0 {
		return nil, errors.New("relay without DHCP servers")
	}

	cfg.Ports = cfg.Ports.WithDefaults()

	return &Relay{cfg: cfg, next: cfg.Agents.Masked().Addr()}, nil
}

// Attach plugs a machine in: it gets a relay agent with the next free address.
func (r *Relay) Attach(_ context.Context, name string, mac net.HardwareAddr) (Port, error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.next = r.next.Next()
	if !r.cfg.Agents.Contains(r.next) {
		return nil, fmt.Errorf("attach %q: no relay agent address is left in %s", name, r.cfg.Agents)
	}

	return &relayPort{cfg: r.cfg, agent: r.next, mac: mac}, nil
}

// NodeAddress gives the address under which a node is entered in Kubernetes, which refuses loopback endpoints: the same
// last byte in TEST-NET-1 (RFC 5737), which nobody dials.
func (r *Relay) NodeAddress(own netip.Addr) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, own.As4()[3]})
}

// Close does nothing: there is nothing to remove.
func (r *Relay) Close() error { return nil }

type relayPort struct {
	cfg   RelayConfig
	agent netip.Addr
	mac   net.HardwareAddr
}

func (p *relayPort) MAC() net.HardwareAddr { return p.mac }

func (p *relayPort) Ports() Ports { return p.cfg.Ports }

func (p *relayPort) Assign(address netip.Prefix) error {
	if !address.Addr().IsLoopback() {
		return fmt.Errorf("assign %s: the network without privileges has only 127.0.0.0/8", address)
	}

	return nil
}

func (p *relayPort) Release(netip.Prefix) error { return nil }

func (p *relayPort) Announce(netip.Addr) error { return nil }

func (p *relayPort) Plug(context.Context) error { return nil }

// Unplug does nothing: on loopback an unplugged machine refuses connections where it ought to be silent.
func (p *relayPort) Unplug() error { return nil }

func (p *relayPort) Close() error { return nil }

func (p *relayPort) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	var config net.ListenConfig

	return config.Listen(ctx, "tcp4", at.String())
}

func (p *relayPort) ListenPacket(ctx context.Context, at netip.AddrPort) (net.PacketConn, error) {
	var config net.ListenConfig

	return config.ListenPacket(ctx, "udp4", at.String())
}

func (p *relayPort) Dial(ctx context.Context, from netip.Addr, to string) (net.Conn, error) {
	return dial(ctx, from, to)
}

func (p *relayPort) OpenDHCP(ctx context.Context) (DHCPConn, error) {
	at := netip.AddrPortFrom(p.agent, uint16(p.cfg.Ports.DHCP))

	conn, err := p.ListenPacket(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("open the relay agent's port %s: %w", at, err)
	}

	return &relayConn{conn: conn.(*net.UDPConn), agent: p.agent, servers: p.cfg.Servers}, nil
}

// relayConn is a DHCP client and its relay agent in one.
type relayConn struct {
	conn    *net.UDPConn
	agent   netip.Addr
	servers []netip.AddrPort
}

// Send forwards a client's packet to every server, with the agent's address in giaddr and one hop more.
func (c *relayConn) Send(packet []byte) error {
	if len(packet) < bootpLength {
		return fmt.Errorf("relay a packet of %d bytes: shorter than a BOOTP packet", len(packet))
	}

	forwarded := append([]byte{}, packet...)
	forwarded[bootpHops]++
	giaddr := c.agent.As4()
	copy(forwarded[bootpGiaddr:], giaddr[:])

	var errs []error

	for _, server := range c.servers {
		// A server that is not there makes loopback answer with "connection refused", which a wire never does: only
		// the error of every server is one.
		if _, err := c.conn.WriteToUDPAddrPort(forwarded, server); err != nil {
			errs = append(errs, err)
		}
	}

	if len(errs) == len(c.servers) {
		return errors.Join(errs...)
	}

	return nil
}

func (c *relayConn) Receive(buf []byte) (int, netip.AddrPort, error) {
	return c.conn.ReadFromUDPAddrPort(buf)
}

func (c *relayConn) SetDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

func (c *relayConn) Close() error { return c.conn.Close() }
