// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// peerLink is the machine's end of the first cable, where a second server would look around.
func (w wire) peerLink(t testing.TB) (iface net.Interface) {
	t.Helper()
	apart(t, w.machine, func() { iface = link(t, "peer0", "0.0.0.0").Interface })
	return iface
}

// A server that gives addresses, and boot files to firmware.
func TestProbeFindsServers(t *testing.T) {
	w := newWire(t)
	var mu sync.Mutex
	var asked []Request
	w.serve(t, func(_ context.Context, r Request) (Reply, bool) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r)
		reply := Reply{Lease: lease()}
		if strings.HasPrefix(r.Class, "PXEClient") {
			reply.Boot = Boot{File: "their\x1b[2Jloader"}
		}
		return reply, true
	}, nil, listen(t, "eth0", "10.77.0.2", ServiceDHCP, 67))
	iface := w.peerLink(t)
	var heard []Heard
	var err error
	apart(t, w.machine, func() { heard, err = Probe(t.Context(), iface, 2*time.Second) })
	require.NoError(t, err)
	require.Len(t, heard, 2)
	var server net.Interface
	apart(t, w.server, func() { server = link(t, "eth0", "10.77.0.2").Interface })
	for _, h := range heard {
		require.Equal(t, "OFFER", h.Message)
		require.Equal(t, ip("10.77.0.2"), h.Server)
		require.Equal(t, ip("10.77.0.2"), h.From)
		require.Equal(t, server.HardwareAddr, h.MAC)
		require.Equal(t, ip("10.77.0.100"), h.Offers)
		require.WithinDuration(t, time.Now(), h.At, 5*time.Second)
	}
	plain, netboot := heard[0], heard[1]
	if plain.IsNetboot() {
		plain, netboot = netboot, plain
	}
	require.False(t, plain.IsNetboot())
	require.True(t, netboot.IsNetboot())
	require.Equal(t, "PXEClient", netboot.Class)
	require.Equal(t, "their?[2Jloader", netboot.BootFile, "what is printed can't do anything to a terminal")
	mu.Lock()
	defer mu.Unlock()
	for _, r := range asked {
		require.Equal(t, Discover, r.Message, "no address is taken")
		require.NotEqual(t, iface.HardwareAddr, r.MAC)
		require.Equal(t, asked[0].MAC, r.MAC, "and only one is offered")
	}
}

func TestProbeOfAQuietNetworkFindsNothing(t *testing.T) {
	w := newWire(t)
	iface := w.peerLink(t)
	apart(t, w.machine, func() {
		heard, err := Probe(t.Context(), iface, 50*time.Millisecond)
		require.NoError(t, err)
		require.Empty(t, heard)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = Probe(ctx, iface, time.Minute)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestWatchHearsServersAnswerOthers(t *testing.T) {
	w := newWire(t)
	w.serve(t, func(context.Context, Request) (Reply, bool) {
		return Reply{Boot: Boot{File: "theirs.efi"}}, true
	}, nil, listen(t, "eth0", "10.77.0.2", ServiceDHCP, 67))
	iface := w.peerLink(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard, done := make(chan Heard, 10), make(chan error, 1)
	go apart(t, w.machine, func() { done <- Watch(ctx, iface, func(h Heard) { heard <- h }) })
	f := w.firmware(t, "peer0")
	hear := func() Heard {
		for range 30 { // until Watch has begun
			f.send(ask(t))
			f.send([]byte("a datagram to the server is not heard"))
			select {
			case h := <-heard:
				return h
			case <-time.After(shortly):
			case err := <-done:
				t.Fatal(err)
			}
		}
		t.Fatal("nothing was heard")
		return Heard{}
	}
	h := hear()
	require.Equal(t, "OFFER", h.Message)
	require.Equal(t, ip("10.77.0.2"), h.Server)
	require.Equal(t, "theirs.efi", h.BootFile)
	require.Equal(t, mac, h.Client)
	require.False(t, h.Offers.IsValid())

	apart(t, w.machine, func() {
		link, err := netlink.LinkByName("peer0")
		require.NoError(t, err)
		require.NoError(t, netlink.LinkSetDown(link))
		require.NoError(t, netlink.LinkSetUp(link))
	})
	waitForCarrier(t, w.machine, "peer0")
	for len(heard) > 0 {
		<-heard
	}
	hear() // the link was down for a moment, and it goes on
	cancel()
	require.NoError(t, <-done)
}

func TestInUse(t *testing.T) {
	w := newWire(t)
	var server net.Interface
	apart(t, w.server, func() { server = link(t, "eth0", "10.77.0.2").Interface })
	iface := w.peerLink(t)
	apart(t, w.machine, func() {
		require.NoError(t, up("peer0", "10.77.0.9/24"))
		mac, used, err := InUse(t.Context(), iface, ip("10.77.0.2"))
		require.NoError(t, err)
		require.True(t, used)
		require.Equal(t, server.HardwareAddr, mac)

		start := time.Now()
		_, used, err = InUse(t.Context(), iface, ip("10.77.0.3"))
		require.NoError(t, err)
		require.False(t, used)
		require.GreaterOrEqual(t, time.Since(start), arpWait)

		_, used, err = InUse(t.Context(), iface, ip("10.77.0.9"))
		require.NoError(t, err)
		require.False(t, used, "it is our own")
		apart(t, w.server, func() { require.NoError(t, up("eth0", "10.77.0.9/24")) })
		mac, used, err = InUse(t.Context(), iface, ip("10.77.0.9"))
		require.NoError(t, err)
		require.True(t, used, "two have it")
		require.Equal(t, server.HardwareAddr, mac)

		_, _, err = InUse(t.Context(), iface, ip("fd00::1"))
		require.ErrorContains(t, err, "want an IPv4 address")
	})
}

func TestLookingAroundNeedsARight(t *testing.T) {
	w := newWire(t)
	iface := w.peerLink(t)
	apart(t, w.machine, func() {
		var none [2]unix.CapUserData // for this thread, which ends with the function
		require.NoError(t, unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]))
		for doing, look := range map[string]func() error{
			"look for other DHCP servers on peer0":  func() error { _, err := Probe(t.Context(), iface, time.Second); return err },
			"watch for other DHCP servers on peer0": func() error { return Watch(t.Context(), iface, func(Heard) {}) },
			"look whether 10.77.0.3 is in use on peer0": func() error {
				_, _, err := InUse(t.Context(), iface, ip("10.77.0.3"))
				return err
			},
		} {
			err := look()
			var denied *NotPermittedError
			require.ErrorAs(t, err, &denied)
			require.ErrorContains(t, err, doing)
			require.Contains(t, denied.Hint(), "cap_net_raw")
		}
	})
}

// hostile is what a packet socket may bring: anything.
func FuzzLook(f *testing.F) {
	offer, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer), func(p *dhcpv4.DHCPv4) { p.OpCode = dhcpv4.OpcodeBootReply })
	require.NoError(f, err)
	f.Add(broadcastUDP(offer.ToBytes()))
	f.Add(arpProbe(mac, server))
	f.Fuzz(func(t *testing.T, frame []byte) {
		_, _ = arpSender(frame)
		d, ok := readUDP(frame, mac)
		if !ok {
			return
		}
		h, _, ok := hear(d, time.Now())
		if !ok {
			return
		}
		require.True(t, h.Server.IsValid())
		for _, text := range []string{h.Class, h.BootFile} {
			require.LessOrEqual(t, len(text), maxOption)
			require.NotContains(t, text, "\x1b")
		}
	})
}
