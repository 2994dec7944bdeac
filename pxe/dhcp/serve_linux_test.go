// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

func TestEachInterfaceIsAnsweredInItsOwnName(t *testing.T) {
	sockets := func(addresses ...string) func() (*Conn, error) {
		return func() (*Conn, error) {
			var opened []*net.UDPConn
			for _, a := range addresses {
				at, err := net.ResolveUDPAddr("udp4", a)
				require.NoError(t, err)
				socket, err := net.ListenUDP("udp4", at)
				require.NoError(t, err)
				opened = append(opened, socket)
			}
			return Adopt(opened, []Link{link(t, "eth0", "10.77.0.2"), link(t, "eth1", "10.78.0.2")}, ServiceDHCP)
		}
	}
	for name, open := range map[string][]func() (*Conn, error){
		"own sockets":      {listen(t, "eth0", "10.77.0.2", ServiceDHCP, 67), listen(t, "eth1", "10.78.0.2", ServiceDHCP, 67)},
		"adopted wildcard": {sockets("0.0.0.0:67")},
		"adopted pairs":    {sockets("10.77.0.2:67", "10.78.0.2:67", "255.255.255.255:67")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			for _, o := range open {
				w.serve(t, bootLoader, nil, o)
			}
			for peer, want := range map[string][2]string{"peer0": {"10.77.0.2", "from-eth0"}, "peer1": {"10.78.0.2", "from-eth1"}} {
				f := w.firmware(t, peer)
				f.send(ask(t))
				offer, from := f.hear(longEnough)
				require.NotNil(t, offer, peer)
				require.Equal(t, want[0]+":67", from.String())
				require.Equal(t, want[0], offer.ServerIdentifier().String())
				require.Equal(t, want[1], offer.BootFileName)
				require.NoError(t, f.Close())
			}
		})
	}
}

func TestAdoptedWildcardIgnoresOtherInterfaces(t *testing.T) {
	w := newWire(t)
	w.serve(t, bootLoader, nil, func() (*Conn, error) {
		socket, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 67})
		require.NoError(t, err)
		return Adopt([]*net.UDPConn{socket}, []Link{link(t, "eth0", "10.77.0.2")}, ServiceDHCP)
	})
	f := w.firmware(t, "peer1")
	f.send(ask(t))
	offer, _ := f.hear(shortly)
	require.Nil(t, offer)
}

func TestAdoptWantsSocketsAndInterfaces(t *testing.T) {
	_, err := Adopt(nil, []Link{{}}, ServiceDHCP)
	require.ErrorContains(t, err, "adopt 0 DHCP sockets for 1 interfaces")
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	_, err = Adopt([]*net.UDPConn{socket}, nil, ServiceDHCP)
	require.ErrorContains(t, err, "adopt 1 DHCP sockets for 0 interfaces")
	require.Error(t, socket.Close(), "it was closed")
}

func TestVLANIsAnInterfaceLikeOthers(t *testing.T) {
	w := newWire(t)
	vlan := func(parent, address string) (failed error) {
		at, err := netlink.LinkByName(parent)
		require.NoError(t, err)
		tagged := &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "v77", ParentIndex: at.Attrs().Index}, VlanId: 77}
		if failed = netlink.LinkAdd(tagged); failed == nil {
			failed = up("v77", address)
		}
		return failed
	}
	var failed error
	apart(t, w.server, func() { failed = vlan("eth0", "10.79.0.2/24") })
	if failed != nil {
		t.Skipf("this kernel has no VLAN interfaces: %v", failed)
	}
	apart(t, w.machine, func() { require.NoError(t, vlan("peer0", "")) })
	w.serve(t, bootLoader, nil, listen(t, "v77", "10.79.0.2", ServiceDHCP, 67))
	f := w.firmware(t, "v77")
	f.send(ask(t))
	offer, from := f.hear(longEnough)
	require.NotNil(t, offer)
	require.Equal(t, "10.79.0.2:67", from.String())
	require.Equal(t, "from-v77", offer.BootFileName)
}

// The way of a machine in server mode: offer and acknowledgement by broadcast, renewal to its address, refusal by
// broadcast again.
func TestAddressIsGivenRenewedAndRefused(t *testing.T) {
	w := newWire(t)
	w.serve(t, func(_ context.Context, r Request) (Reply, bool) {
		if r.Requested == ip("10.77.0.101") {
			return Reply{Refusal: "its address is 10.77.0.100"}, true
		}
		return Reply{Lease: lease()}, true
	}, nil, listen(t, "eth0", "10.77.0.2", ServiceDHCP, 67))
	f := w.firmware(t, "peer0")
	for message, want := range map[Message]dhcpv4.MessageType{Discover: dhcpv4.MessageTypeOffer, Ask: dhcpv4.MessageTypeAck} {
		f.send(ask(t, messageType(message)))
		got, from := f.hear(longEnough)
		require.NotNil(t, got)
		require.Equal(t, want, got.MessageType())
		require.Equal(t, "10.77.0.100", got.YourIPAddr.String())
		require.Equal(t, "10.77.0.2:67", from.String())
	}
	apart(t, w.machine, func() { require.NoError(t, up("peer0", "10.77.0.100/24")) })
	_, err := f.WriteTo(ask(t, messageType(Ask), dhcpv4.WithClientIP(net.IPv4(10, 77, 0, 100))), &net.UDPAddr{IP: net.IPv4(10, 77, 0, 2), Port: 67})
	require.NoError(t, err)
	got, _ := f.hear(longEnough)
	require.NotNil(t, got)
	require.Equal(t, dhcpv4.MessageTypeAck, got.MessageType())
	require.Equal(t, "10.77.0.100", got.ClientIPAddr.String())

	f.send(ask(t, messageType(Ask), option(50, "\x0a\x4d\x00\x65"), dhcpv4.WithClientIP(net.IPv4(10, 77, 0, 100))))
	got, _ = f.hear(longEnough)
	require.NotNil(t, got)
	require.Equal(t, dhcpv4.MessageTypeNak, got.MessageType())
	require.Equal(t, "its address is 10.77.0.100", got.Message())
}

// 60 machines are switched on, and whether the address of each is in use is looked at for a while: they do not wait for
// each other.
func TestMachinesDoNotWaitForEachOthersProbes(t *testing.T) {
	const machines, probe = 60, 300 * time.Millisecond
	w := newWire(t)
	w.serveWith(t, Serving{MayWait: true, Handle: func(ctx context.Context, _ Request) (Reply, bool) {
		select {
		case <-time.After(probe):
		case <-ctx.Done():
		}
		return Reply{Lease: lease()}, true
	}}, listen(t, "eth0", "10.77.0.2", ServiceDHCP, 67))
	f := w.firmware(t, "peer0")
	start := time.Now()
	for i := range machines {
		f.send(ask(t, dhcpv4.WithHwAddr(numbered(i))))
	}
	for range machines {
		offer, _ := f.hear(longEnough)
		require.NotNil(t, offer)
	}
	require.Less(t, time.Since(start), machines*probe/3)
}
