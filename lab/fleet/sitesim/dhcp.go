// SPDX-License-Identifier: Apache-2.0

// Package sitesim simulates what a site has beside the machines: its plain DHCP server, which knows nothing of network
// boot, and an image factory whose files are random bytes behind the headers of their kind, the same every time.
//
// It refuses to know machines or clusters. Still missing: leases that end, a factory over TLS, installer images as OCI
// images, and a second DHCP server.
package sitesim

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
)

// DHCP is a DHCP server with a pool and nothing more, as in a site's router. It never answers to a PXE option.
type DHCP struct {
	// Server is the address by which it names itself.
	Server netip.Addr
	// First and Last bound the pool; both are given out.
	First, Last netip.Addr
	// Bits is the length of the network's mask.
	Bits int
	// Router is given as default route. Zero: none.
	Router netip.Addr
	// Log may be nil.
	Log *slog.Logger

	mu     sync.Mutex
	leases map[string]netip.Addr
}

// Serve answers on a connection that may send broadcasts until the context ends; it closes the connection.
func (d *DHCP) Serve(ctx context.Context, conn net.PacketConn) error {
	server, err := server4.NewServer("", nil, d.handle, server4.WithConn(conn))
	if err != nil {
		return fmt.Errorf("site's DHCP server: %w", err)
	}

	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	if err := server.Serve(); ctx.Err() == nil {
		return fmt.Errorf("site's DHCP server: %w", err)
	}

	return nil
}

// Leases gives the addresses given so far, by hardware address.
func (d *DHCP) Leases() map[string]netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()

	leases := make(map[string]netip.Addr, len(d.leases))
	for mac, address := range d.leases {
		leases[mac] = address
	}

	return leases
}

func (d *DHCP) handle(conn net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4) {
	reply, err := d.answer(request)
	if err == nil && reply != nil {
		_, err = conn.WriteTo(reply.ToBytes(), destination(conn, request))
	}

	if err != nil && d.Log != nil {
		d.Log.Warn("site's DHCP server", "client", request.ClientHWAddr.String(), "peer", peer.String(), "error", err)
	}
}

// destination is the relay agent, or everybody on the link: a client without address hears nothing else.
func destination(conn net.PacketConn, request *dhcpv4.DHCPv4) *net.UDPAddr {
	if giaddr := request.GatewayIPAddr; giaddr != nil && !giaddr.IsUnspecified() {
		return &net.UDPAddr{IP: giaddr, Port: conn.LocalAddr().(*net.UDPAddr).Port}
	}

	return &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ClientPort}
}

// answer is nil for what is not this server's business.
func (d *DHCP) answer(request *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, error) {
	if request.OpCode != dhcpv4.OpcodeBootRequest {
		return nil, nil
	}

	var kind dhcpv4.MessageType

	switch request.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		kind = dhcpv4.MessageTypeOffer
	case dhcpv4.MessageTypeRequest:
		if named := request.ServerIdentifier(); named != nil && !named.Equal(d.Server.AsSlice()) {
			return nil, nil // the client took another server's offer
		}

		kind = dhcpv4.MessageTypeAck
	default:
		return nil, nil
	}

	address, err := d.lease(request.ClientHWAddr)
	if err != nil {
		return nil, err
	}

	modifiers := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind),
		dhcpv4.WithYourIP(address.AsSlice()),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(d.Server.AsSlice())),
		dhcpv4.WithNetmask(net.CIDRMask(d.Bits, 32)),
		dhcpv4.WithLeaseTime(uint32(time.Hour / time.Second)),
	}
	if d.Router.IsValid() {
		modifiers = append(modifiers, dhcpv4.WithRouter(d.Router.AsSlice()))
	}

	return dhcpv4.NewReplyFromRequest(request, modifiers...)
}

// lease gives a client the address it had, or the first free one.
func (d *DHCP) lease(client net.HardwareAddr) (netip.Addr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	if address, ok := d.leases[client.String()]; ok {
		return address, nil
	}

	taken := map[netip.Addr]bool{}
	for _, address := range d.leases {
		taken[address] = true
	}

	for address := d.First; address.IsValid() && address.Compare(d.Last) <= 0; address = address.Next() {
		if taken[address] {
			continue
		}

		if d.leases == nil {
			d.leases = map[string]netip.Addr{}
		}

		d.leases[client.String()] = address

		return address, nil
	}

	return netip.Addr{}, fmt.Errorf("lease for %s: the pool %s-%s is used up", client, d.First, d.Last)
}
