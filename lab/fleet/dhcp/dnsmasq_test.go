// SPDX-License-Identifier: Apache-2.0

package dhcp_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// A server that is not ours judges the client: dnsmasq with two addresses.
func TestALeaseLivesAtARealServer(t *testing.T) {
	program, err := exec.LookPath("dnsmasq")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and Debian's dnsmasq-base")
	}

	own := netip.MustParsePrefix("10.77.0.1/24")
	n, err := lan.NewNetns(t.Context(), lan.NetnsConfig{Site: own})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })

	serveDnsmasq(t, n.Site, program)

	port, err := n.Attach(t.Context(), "m1", client)
	require.NoError(t, err)

	// One socket hears broadcasts and what comes to the leased address.
	socket, err := port.(interface {
		ListenDHCP(port int) (*net.UDPConn, error)
	}).ListenDHCP(68)
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })

	clocks := clock.Clock{Speed: 10}
	all := dhcp.Client{
		Conn: dhcp.Unicast(socket, netip.MustParseAddrPort("255.255.255.255:67")), MAC: client, Clock: clocks,
	}
	one := dhcp.Client{Conn: dhcp.Unicast(socket, netip.AddrPortFrom(own.Addr(), 67)), MAC: client, Clock: clocks}

	var first netip.Addr

	all.Probe = func(_ context.Context, address netip.Addr) (bool, error) {
		isFirst := !first.IsValid()
		if isFirst {
			first = address
		}

		return isFirst, nil
	}

	lease, err := all.Lease(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, first, lease.Address.Addr(), "the declined address is not given again")
	require.Equal(t, own.Addr(), lease.Server)
	require.Equal(t, time.Hour, lease.Duration)
	require.NoError(t, port.Assign(lease.Address))

	renewed, err := one.Renew(t.Context(), lease)
	require.NoError(t, err)
	require.Equal(t, lease.Address, renewed.Address)

	rebound, err := all.Renew(t.Context(), lease)
	require.NoError(t, err)
	require.Equal(t, lease.Address, rebound.Address)

	// The pool has two addresses: a third machine has to wait for a release.
	second := dhcp.Client{Conn: all.Conn, MAC: net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 2}, Clock: clocks}
	taken, err := second.Lease(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, lease.Address, taken.Address)

	third := dhcp.Client{Conn: all.Conn, MAC: net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 3}, Clock: clock.Clock{Speed: 100}}
	_, err = third.Lease(t.Context())
	require.ErrorIs(t, err, dhcp.ErrNoOffer)

	require.NoError(t, one.Release(lease))
	require.NoError(t, port.Release(lease.Address))

	freed, err := third.Lease(t.Context())
	require.NoError(t, err)
	require.Equal(t, lease.Address, freed.Address)

	stray := dhcp.Lease{Address: netip.MustParsePrefix("10.77.0.77/24"), Server: own.Addr()}
	require.NoError(t, port.Assign(stray.Address))
	_, err = one.Renew(t.Context(), stray)
	require.ErrorIs(t, err, dhcp.ErrRefused)
}

func serveDnsmasq(t *testing.T, in *lan.Space, program string) {
	t.Helper()

	var said bytes.Buffer

	command := exec.Command(program, "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--bind-dynamic",
		"--dhcp-range=10.77.0.100,10.77.0.101,255.255.255.0,1h", "--dhcp-authoritative", "--no-ping", "--leasefile-ro",
		"--user=root", "--log-dhcp", "--log-facility=-")
	command.Stdout, command.Stderr = &said, &said
	require.NoError(t, in.Start(command))
	t.Cleanup(func() {
		require.NoError(t, command.Process.Signal(syscall.SIGTERM))
		_ = command.Wait() // it ends by the signal

		if t.Failed() {
			t.Log(said.String())
		}
	})
}
