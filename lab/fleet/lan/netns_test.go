// SPDX-License-Identifier: Apache-2.0

package lan_test

import (
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

func newNetns(t *testing.T) *lan.Netns {
	t.Helper()

	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root (or an own user namespace)")
	}

	n, err := lan.NewNetns(t.Context(), lan.NetnsConfig{
		Bastion: netip.MustParsePrefix("10.77.0.2/24"),
		Site:    netip.MustParsePrefix("10.77.0.1/24"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })

	return n
}

func mac(last byte) net.HardwareAddr { return net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, last} }

func TestBroadcastOfAMachineWithoutAddressReachesSiteAndBastion(t *testing.T) {
	n := newNetns(t)

	port, err := n.Attach(t.Context(), "m1", mac(1))
	require.NoError(t, err)

	client, err := port.OpenDHCP(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })

	for _, end := range []*lan.Space{n.Site, n.Bastion} {
		server, err := end.ListenDHCP(67)
		require.NoError(t, err)
		t.Cleanup(func() { _ = server.Close() })

		require.NoError(t, client.Send([]byte("who is there")))

		buf := make([]byte, 100)
		require.NoError(t, server.SetDeadline(time.Now().Add(5*time.Second)))
		length, from, err := server.ReadFromUDPAddrPort(buf)
		require.NoError(t, err)
		require.Equal(t, "who is there", string(buf[:length]))
		require.Equal(t, netip.MustParseAddrPort("0.0.0.0:68"), from, "a machine without an address")

		_, err = server.WriteToUDPAddrPort([]byte("me"), netip.MustParseAddrPort("255.255.255.255:68"))
		require.NoError(t, err)
		require.NoError(t, client.SetDeadline(time.Now().Add(5*time.Second)))
		length, _, err = client.Receive(buf)
		require.NoError(t, err)
		require.Equal(t, "me", string(buf[:length]))
	}
}

func TestAnAddressThatMovesIsFoundAtItsNewPlaceAtOnce(t *testing.T) {
	n := newNetns(t)
	vip := netip.MustParsePrefix("10.77.0.10/32")

	for i := range byte(2) {
		port, err := n.Attach(t.Context(), "m", mac(i+1))
		require.NoError(t, err)
		require.NoError(t, port.Assign(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 0, 11 + i}), 24)))
		require.NoError(t, port.Assign(vip))
		require.NoError(t, port.Assign(vip), "twice")
		require.NoError(t, port.Announce(vip.Addr()))

		listener, err := port.Listen(t.Context(), netip.AddrPortFrom(vip.Addr(), 6443))
		require.NoError(t, err)

		go func() {
			if conn, err := listener.Accept(); err == nil {
				_, _ = conn.Write([]byte{'A' + i})
				_ = conn.Close()
			}
		}()

		conn, err := n.Bastion.Dial(t.Context(), netip.Addr{}, "10.77.0.10:6443")
		require.NoError(t, err)
		said, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, string('A'+rune(i)), string(said))
		require.NoError(t, conn.Close())

		require.NoError(t, port.Unplug())
		require.NoError(t, listener.Close())
		require.NoError(t, port.Release(vip))
		require.NoError(t, port.Release(vip), "twice")
	}
}

func TestCommandsRunInsideTheBastion(t *testing.T) {
	n := newNetns(t)

	command := func(run func(*exec.Cmd) error, args ...string) string {
		out, in, err := os.Pipe()
		require.NoError(t, err)

		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = in, os.Stderr
		require.NoError(t, run(cmd))
		require.NoError(t, in.Close())
		said, err := io.ReadAll(out)
		require.NoError(t, err)
		require.NoError(t, cmd.Wait())

		return string(said)
	}

	inside := command(n.Bastion.Start, "readlink", "/proc/self/ns/net")
	outside := command((*exec.Cmd).Start, "readlink", "/proc/self/ns/net")
	require.NotEqual(t, outside, inside)

	named, err := os.Readlink(n.Bastion.Path())
	require.NoError(t, err)
	require.Equal(t, named+"\n", inside, "the path names the same namespace")
}

func TestTheHostSeesNothingOfTheNetwork(t *testing.T) {
	before, err := net.Interfaces()
	require.NoError(t, err)

	n := newNetns(t)
	_, err = n.Attach(t.Context(), "m1", mac(1))
	require.NoError(t, err)

	during, err := net.Interfaces()
	require.NoError(t, err)
	require.Equal(t, before, during)
	require.NoError(t, n.Close())
	require.NoError(t, n.Close(), "twice")
}
