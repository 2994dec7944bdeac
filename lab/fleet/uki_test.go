// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
)

// serveUKI offers one file to UEFI HTTP clients, on the address of the boot servers. While gone is set it is not there.
func serveUKI(t *testing.T, o *operator, content []byte, gone *atomic.Bool) {
	t.Helper()

	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			http.NotFound(w, r)

			return
		}

		http.ServeContent(w, r, "metal-amd64-uki.efi", time.Time{}, bytes.NewReader(content))
	}))
	require.NoError(t, web.Listener.Close())

	var err error
	web.Listener, err = net.Listen("tcp4", netip.AddrPortFrom(o.address(2), 0).String())
	require.NoError(t, err)
	web.Start()
	t.Cleanup(web.Close)

	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: o.address(2).AsSlice(), Port: o.ports.DHCP})
	require.NoError(t, err)

	server, err := server4.NewServer("", nil, func(conn net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4) {
		if request.MessageType() != dhcpv4.MessageTypeDiscover || !strings.HasPrefix(request.ClassIdentifier(), "HTTPClient") {
			return
		}

		reply, err := dhcpv4.NewReplyFromRequest(request,
			dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer), dhcpv4.WithServerIP(o.address(2).AsSlice()),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(o.address(2).AsSlice())),
			dhcpv4.WithOption(dhcpv4.OptClassIdentifier("HTTPClient")),
			dhcpv4.WithOption(dhcpv4.OptBootFileName(web.URL+"/metal-amd64-uki.efi")))
		if err == nil {
			_, _ = conn.WriteTo(reply.ToBytes(), peer)
		}
	}, server4.WithConn(conn))
	require.NoError(t, err)

	done := make(chan struct{})

	go func() {
		defer close(done)
		_ = server.Serve()
	}()

	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-done
	})
}

func TestAMachineRunsTalosFromAUKI(t *testing.T) {
	network, o, _ := relaySite(t, 184)
	image := bytes.Repeat([]byte("uki"), 500_000)

	var gone atomic.Bool

	serveUKI(t, o, image, &gone)

	f := runFleet(t, fleet.Config{Network: network, Clock: fleet.Clock{Speed: 200}, Machines: []fleet.MachineSpec{{
		Name: "m1", MAC: machineMAC(1), Serial: "m1", Firmware: fleet.UEFIHTTP,
	}}})

	ctx := soon(t)
	require.NoError(t, f.PowerOn())
	require.NoError(t, f.WaitState(ctx, fleet.Maintenance))
	require.Equal(t, sum(image), events(f, "m1", "uki")[0].Details["sha256"])
	require.Empty(t, events(f, "m1", "kernel"))

	// Once it is installed, a file that is not there sends it to its disk.
	require.NoError(t, f.PowerOff())
	require.NoError(t, f.WaitState(ctx, fleet.Off))
	gone.Store(true)
	require.NoError(t, f.PowerOn())
	require.NoError(t, until(ctx, "the failure", func() error {
		if len(events(f, "m1", "error")) == 0 {
			return context.DeadlineExceeded
		}

		return nil
	}))
	require.Contains(t, events(f, "m1", "error")[0].Details["text"], "no bootable device")

	require.NoError(t, f.PowerOff())
	require.NoError(t, f.WaitState(ctx, fleet.Off))
	require.NoError(t, f.MakeForeign("m1"))
	require.NoError(t, f.PowerOn())
	require.NoError(t, f.WaitState(ctx, fleet.Booting))
	require.NotEmpty(t, events(f, "m1", "next-device"))
	require.Len(t, events(f, "m1", "from-disk"), 1)
}
