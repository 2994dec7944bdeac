// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
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
	"golang.org/x/sys/unix"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// wire is a server's and a machine's network namespace with a cable between them.
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
		w.server, failed = netns.New() // and this thread is in it now
		if failed != nil {
			return
		}
		cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "peer0", PeerNamespace: netlink.NsFd(w.machine)}
		if failed = netlink.LinkAdd(cable); failed == nil {
			failed = up("eth0", "10.77.0.2/24")
		}
	})
	if failed != nil {
		t.Skipf("no network namespaces for us: %v", failed)
	}
	apart(t, w.machine, func() { require.NoError(t, up("peer0", "")) })
	t.Cleanup(func() {
		_ = w.server.Close()
		_ = w.machine.Close()
	})
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

// A machine without an address broadcasts on the real ports, and must hear the answer: by broadcast, with the server's
// address as source.
func TestMachineWithoutAddressIsAnsweredByBroadcast(t *testing.T) {
	w := newWire(t)
	ipxeDir, files := testDir(t)
	server, err := New(Config{
		Interfaces: []string{"eth0"}, IPXEDir: ipxeDir, Assets: files, // the address and the ports are the real ones
		Machines: []Machine{{Name: "node1", MACs: []net.HardwareAddr{macOne}}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go apart(t, w.server, func() { done <- server.Run(ctx) })
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	select {
	case <-server.Ready():
	case err := <-done:
		t.Fatalf("server ended: %v", err)
	}

	var machine net.PacketConn
	apart(t, w.machine, func() { machine, err = listenWithoutAddress("peer0") })
	require.NoError(t, err)
	defer machine.Close()
	for _, d := range readCapture(t, "testdata/firmware/bios-ipxe-rom-2019-virtio.pcap") {
		if d.service() != dhcp.ServiceDHCP {
			continue
		}
		request, err := dhcpv4.FromBytes(d.payload)
		require.NoError(t, err)
		request.ClientHWAddr = macOne // the captured machine is not of this site
		if request.MessageType() != dhcpv4.MessageTypeDiscover {
			continue // not for a proxy
		}
		buffer := make([]byte, 2048)
		n, from := askUntilAnswered(t, machine, request.ToBytes(), buffer)
		require.Equal(t, "10.77.0.2:67", from.String())
		offer, err := dhcpv4.FromBytes(buffer[:n])
		require.NoError(t, err)
		require.Equal(t, request.TransactionID, offer.TransactionID)
		require.Equal(t, "http://10.77.0.2:8080/boot.ipxe?mac=52:54:00:77:00:01&arch=amd64", offer.BootFileName)
	}

	// A second server on the same interface would fight with the first.
	second, err := New(server.config)
	require.NoError(t, err)
	apart(t, w.server, func() {
		var taken *PortInUseError
		require.ErrorAs(t, second.Run(ctx), &taken)
		require.Equal(t, netip.MustParseAddrPort("10.77.0.2:67"), taken.At)
	})
}

// askUntilAnswered broadcasts until an answer comes, as firmware does: a cable that was just plugged in loses packets.
func askUntilAnswered(t testing.TB, machine net.PacketConn, packet, buffer []byte) (int, net.Addr) {
	t.Helper()
	var last error
	for range 10 {
		_, err := machine.WriteTo(packet, &net.UDPAddr{IP: net.IPv4bcast, Port: 67})
		require.NoError(t, err)
		require.NoError(t, machine.SetReadDeadline(time.Now().Add(time.Second)))
		n, from, err := machine.ReadFrom(buffer)
		if err == nil {
			return n, from
		}
		last = err
	}
	t.Fatalf("no answer: %v", last)
	return 0, nil
}

// listenWithoutAddress opens the DHCP client's port as firmware does.
func listenWithoutAddress(name string) (net.PacketConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = unix.BindToDevice(int(fd), name) }); err != nil {
			return err
		}
		return failed
	}}
	return config.ListenPacket(context.Background(), "udp4", "0.0.0.0:68")
}
