// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// wire is a server's and a machine's network namespace with two cables between them: eth0 to peer0, where the server is
// 10.77.0.2, and eth1 to peer1, where it is 10.78.0.2.
type wire struct{ server, machine netns.NsHandle }

// newWire skips the test where namespaces can't be had.
func newWire(t testing.TB) wire {
	t.Helper()
	var w wire
	var failed error
	apart(t, netns.None(), func() {
		if w.machine, failed = netns.New(); failed != nil {
			return
		}
		if w.server, failed = netns.New(); failed != nil { // and this thread is in it now
			return
		}
		for name, peer := range map[string]string{"eth0": "peer0", "eth1": "peer1"} {
			cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: peer, PeerNamespace: netlink.NsFd(w.machine)}
			if failed = netlink.LinkAdd(cable); failed != nil {
				return
			}
		}
	})
	if failed != nil {
		t.Skipf("no network namespaces for us: %v", failed)
	}
	t.Cleanup(func() {
		_ = w.server.Close()
		_ = w.machine.Close()
	})
	apart(t, w.machine, func() {
		require.NoError(t, up("lo", ""))
		require.NoError(t, up("peer0", ""))
		require.NoError(t, up("peer1", ""))
	})
	apart(t, w.server, func() {
		require.NoError(t, up("lo", ""))
		require.NoError(t, up("eth0", "10.77.0.2/24"))
		require.NoError(t, up("eth1", "10.78.0.2/24"))
	})
	waitForCarrier(t, w.server, "eth0", "eth1")
	waitForCarrier(t, w.machine, "peer0", "peer1")
	return w
}

// apart runs a function on a thread of its own in a namespace; the thread ends with it.
func apart(t testing.TB, in netns.NsHandle, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		if in != netns.None() {
			if err := netns.Set(in); err != nil {
				t.Errorf("enter namespace: %v", err)
				return
			}
		}
		do()
	}()
	<-done
}

// waitForCarrier waits until the kernel sends on links: what is sent before is lost.
func waitForCarrier(t testing.TB, in netns.NsHandle, names ...string) {
	t.Helper()
	for _, name := range names {
		require.Eventually(t, func() bool {
			var link netlink.Link
			var err error
			apart(t, in, func() { link, err = netlink.LinkByName(name) })
			return err == nil && link.Attrs().OperState == netlink.OperUp
		}, longEnough, time.Millisecond, name)
	}
}

func up(name, address string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if address != "" {
		parsed, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, parsed); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// link is an interface of the namespace this thread is in.
func link(t testing.TB, name, address string) Link {
	t.Helper()
	iface, err := net.InterfaceByName(name)
	require.NoError(t, err)
	return Link{Interface: *iface, Address: netip.MustParseAddr(address)}
}

// serve answers on a service of the server's namespace until the test ends.
func (w wire) serve(t testing.TB, handle Handler, limiter *Limiter, open func() (*Conn, error)) {
	t.Helper()
	w.serveWith(t, Serving{Handle: handle, Limiter: limiter}, open)
}

func (w wire) serveWith(t testing.TB, serving Serving, open func() (*Conn, error)) {
	t.Helper()
	var conn *Conn
	var err error
	apart(t, w.server, func() { conn, err = open() })
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	serving.RelayPort, serving.Log = 67, slog.New(slog.DiscardHandler)
	go func() { done <- conn.Serve(ctx, serving) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

// listen opens a service as the product does.
func listen(t testing.TB, name, address string, service Service, port uint16) func() (*Conn, error) {
	t.Helper()
	return func() (*Conn, error) {
		l := link(t, name, address)
		return Listen(t.Context(), l.Interface, netip.AddrPortFrom(l.Address, port), service)
	}
}

// firmware is the DHCP client's port of a machine without an address.
type firmware struct {
	net.PacketConn
	t testing.TB
}

func (w wire) firmware(t testing.TB, name string) firmware {
	t.Helper()
	f := firmware{t: t}
	apart(t, w.machine, func() {
		config := net.ListenConfig{Control: bindTo(name)}
		conn, err := config.ListenPacket(t.Context(), "udp4", "0.0.0.0:68")
		require.NoError(t, err)
		f.PacketConn = conn
	})
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func bindTo(name string) func(_, _ string, raw syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) error { return bindToInterface(raw, name) }
}

// send broadcasts to the DHCP port.
func (f firmware) send(packet []byte) {
	f.t.Helper()
	_, err := f.WriteTo(packet, &net.UDPAddr{IP: net.IPv4bcast, Port: 67})
	require.NoError(f.t, err)
}

// hear waits for an answer; nil when none comes.
func (f firmware) hear(wait time.Duration) (*dhcpv4.DHCPv4, net.Addr) {
	f.t.Helper()
	require.NoError(f.t, f.SetReadDeadline(time.Now().Add(wait)))
	buffer := make([]byte, 2048)
	n, from, err := f.ReadFrom(buffer)
	if err != nil {
		return nil, nil
	}
	got, err := dhcpv4.FromBytes(buffer[:n])
	require.NoError(f.t, err)
	return got, from
}

// longEnough for an answer that comes, and shortly for one that must not.
const (
	longEnough = 10 * time.Second
	shortly    = 300 * time.Millisecond
)

func bootLoader(_ context.Context, r Request) (Reply, bool) {
	return Reply{Boot: Boot{File: "from-" + r.Interface}}, r.Message == Discover
}
