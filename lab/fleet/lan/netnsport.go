// SPDX-License-Identifier: Apache-2.0

package lan

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// netnsPort is a machine's port in a namespace of its own.
type netnsPort struct {
	*Space

	mac     net.HardwareAddr
	carrier func(context.Context) error // waits until the bridge forwards
}

func (p *netnsPort) MAC() net.HardwareAddr { return p.mac }

func (p *netnsPort) Ports() Ports { return Ports{}.WithDefaults() }

func (p *netnsPort) OpenDHCP(context.Context) (DHCPConn, error) {
	conn, err := p.ListenDHCP(68)
	if err != nil {
		return nil, fmt.Errorf("open the DHCP client's port: %w", err)
	}

	return broadcastConn{conn}, nil
}

func (p *netnsPort) Release(address netip.Prefix) error {
	return p.Withdraw(address)
}

func (p *netnsPort) Announce(address netip.Addr) error {
	return p.do(func() error {
		link, err := net.InterfaceByName(linkName)
		if err != nil {
			return err
		}

		return announce(link.Index, p.mac, address)
	})
}

func (p *netnsPort) Plug(ctx context.Context) error {
	link, err := p.handle.LinkByName(linkName)
	if err != nil {
		return err
	}

	if err := p.handle.LinkSetUp(link); err != nil {
		return err
	}

	return p.carrier(ctx)
}

func (p *netnsPort) Unplug() error {
	link, err := p.handle.LinkByName(linkName)
	if err != nil {
		return err
	}

	return p.handle.LinkSetDown(link)
}

// broadcastConn sends to 255.255.255.255, port 67, and takes whatever arrives on port 68.
type broadcastConn struct{ conn *net.UDPConn }

func (c broadcastConn) Send(packet []byte) error {
	_, err := c.conn.WriteToUDPAddrPort(packet, netip.MustParseAddrPort("255.255.255.255:67"))

	return err
}

func (c broadcastConn) Receive(buf []byte) (int, netip.AddrPort, error) {
	return c.conn.ReadFromUDPAddrPort(buf)
}

func (c broadcastConn) SetDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

func (c broadcastConn) Close() error { return c.conn.Close() }

// announce broadcasts an ARP request for an own address (RFC 5227 section 3: a gratuitous ARP), so that neighbours which
// knew the address elsewhere learn its new place at once and not after their cache's half minute.
func announce(index int, mac net.HardwareAddr, address netip.Addr) error {
	const (
		etherTypeARP = 0x0806
		networkOrder = 0x0608 // the same on a little-endian machine, as the kernel wants it
	)

	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	defer unix.Close(fd)

	ip := address.As4()
	everyone := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

	frame := append(append([]byte{}, everyone...), mac...)
	frame = append(frame, etherTypeARP>>8, etherTypeARP&0xff)
	frame = append(frame, 0, 1, 8, 0, 6, 4, 0, 1) // Ethernet, IPv4, lengths 6 and 4, request
	frame = append(append(frame, mac...), ip[:]...)
	frame = append(append(frame, 0, 0, 0, 0, 0, 0), ip[:]...)

	to := &unix.SockaddrLinklayer{Protocol: networkOrder, Ifindex: index, Halen: 6}
	copy(to.Addr[:], everyone)

	if err := unix.Sendto(fd, frame, 0, to); err != nil {
		return fmt.Errorf("announce %s: %w", address, err)
	}

	return nil
}
