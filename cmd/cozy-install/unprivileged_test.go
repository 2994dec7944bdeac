// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestNetbootNeedsNoRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces, and processes of another user, need root")
	}
	binary := build(t)
	t.Run("by capabilities", func(t *testing.T) { testCapabilities(t, binary) })
	t.Run("by sockets that systemd opened", func(t *testing.T) { testSockets(t, binary) })
}

func testCapabilities(t *testing.T, binary string) {
	t.Helper()
	both, bind := []uintptr{unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_RAW}, []uintptr{unix.CAP_NET_BIND_SERVICE}

	for _, mode := range []string{"proxy", "server"} {
		t.Run("two capabilities do, mode "+mode, func(t *testing.T) {
			b := newBastion(t, binary, mode)
			b.serve(t, b.server(both))
			b.boots(t)
		})
	}
	t.Run("without CAP_NET_RAW it serves, and says that it does not see", func(t *testing.T) {
		b := newBastion(t, binary, "proxy")
		b.serve(t, b.server(bind))
		b.boots(t)
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			text, err := b.said(t, b.pxe(nil, "status", "-f", "site.yaml"))
			assert.NoError(c, err)
			assert.Contains(c, text, "not-watched")
			assert.Contains(c, text, "cap_net_raw")
		}, 30*time.Second, time.Second)
	})
	t.Run("without CAP_NET_RAW it gives addresses only when told so", func(t *testing.T) {
		b := newBastion(t, binary, "server")
		text, err := b.said(t, b.server(bind))
		require.Error(t, err)
		require.Contains(t, text, "look for other DHCP servers on eth0")
		require.Contains(t, text, "cap_net_raw")
		b.serve(t, b.server(bind, "--beside-dhcp"))
		b.boots(t)
	})
	t.Run("without any it says what it needs", func(t *testing.T) {
		b := newBastion(t, binary, "proxy")
		text, err := b.said(t, b.server(nil))
		require.Error(t, err)
		require.Contains(t, text, "permission denied")
		require.Contains(t, text, "cap_net_bind_service")
	})
}

func testSockets(t *testing.T, binary string) {
	t.Helper()
	for name, addresses := range map[string][]string{
		"all addresses": {"0.0.0.0"}, "the address and broadcasts": {"10.77.0.2", "255.255.255.255"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBastion(t, binary, "proxy")
			cmd := b.server(nil)
			opened := handover{cmd: cmd}
			opened.udp(t, b, "dhcp", 67, addresses...)
			opened.udp(t, b, "proxy", 4011, addresses...)
			opened.udp(t, b, "tftp", 69, addresses[0])
			opened.tcp(t, b, "http", 8123, addresses[0])
			b.serve(t, cmd)
			require.Contains(t, b.boots(t).Kernel.URL, "http://10.77.0.2:8123/", "the port is the socket's")
		})
	}
}

// handover gives sockets to a command as systemd does.
type handover struct {
	cmd   *exec.Cmd
	names []string
}

func (h *handover) give(t *testing.T, name string, file *os.File, err error) {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	h.names, h.cmd.ExtraFiles = append(h.names, name), append(h.cmd.ExtraFiles, file)
	h.cmd.Env = []string{"LISTEN_FDS=" + strconv.Itoa(len(h.names)), "LISTEN_FDNAMES=" + strings.Join(h.names, ":")}
}

func (h *handover) udp(t *testing.T, b *bastion, name string, port uint16, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		conn, err := b.Bastion.ListenPacket(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(address), port))
		require.NoError(t, err)
		file, err := conn.(*net.UDPConn).File()
		h.give(t, name, file, err)
		require.NoError(t, conn.Close())
	}
}

func (h *handover) tcp(t *testing.T, b *bastion, name string, port uint16, address string) {
	t.Helper()
	listener, err := b.Bastion.Listen(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(address), port))
	require.NoError(t, err)
	file, err := listener.(*net.TCPListener).File()
	h.give(t, name, file, err)
	require.NoError(t, listener.Close())
}
