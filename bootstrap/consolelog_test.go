// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

const elsewhere = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// sendingTo makes a machine send its kernel's log, changed, to an address of the loopback interface.
func sendingTo(t *testing.T, at netip.AddrPort, change func([]byte) []byte) func(*talosim.Config) {
	t.Helper()
	return func(c *talosim.Config) {
		c.KernelLog = func(from netip.Addr, record []byte) {
			conn, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.UDPAddrFromAddrPort(at))
			if err != nil {
				return // nobody can help it
			}
			defer conn.Close()
			_, _ = conn.Write(change(record))
		}
	}
}

func TestACertificateIsComparedWithTheConsoles(t *testing.T) {
	at := netip.MustParseAddrPort("127.212.7.1:16514")
	s := machineSiteWith(t, "talos: {", "talos: {kernelArgs: ['talos.logging.kernel=udp://"+at.String()+"'], ")
	b := withSecrets(t, s)
	var said []string
	require.NoError(t, b.listenToConsoles(t.Context(), func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }))
	require.Equal(t, []string{"listening on 127.212.7.1:16514 for the kernel logs of the nodes"}, said)
	t.Cleanup(func() { require.NoError(t, b.close()) })

	fleet := machinesWith(t, map[byte]func(*talosim.Config){
		// Somebody answers in its place: its own console has another fingerprint.
		2: sendingTo(t, at, func([]byte) []byte { return fmt.Appendf(nil, `{"msg": %q}`, issuedFor(elsewhere)) }),
		5: sendingTo(t, at, func(record []byte) []byte { return record }),
	})
	require.Eventually(t, func() bool {
		one, _ := b.consoles.of(addr4(2))
		other, _ := b.consoles.of(addr4(5))
		return one == elsewhere && other == fleet[5].shown()
	}, time.Minute, 10*time.Millisecond)

	err := b.applyConfigs().Run(t.Context(), silent)
	var unlike *ConsoleError
	require.ErrorAs(t, err, &unlike)
	require.Equal(t, "cp1", unlike.Node)
	require.False(t, fleet[2].disks.Installed())
	require.NotContains(t, b.given, "cp1")
	require.Contains(t, b.given, "w1")
}

func issuedFor(fingerprint string) string {
	return `[talos] server certificate issued {"controller": "runtime.MaintenanceServiceController", "fingerprint": "` + fingerprint + `"}`
}

func TestKernelLogsAreHeardOnlyWhereTheSiteFileSendsThemHere(t *testing.T) {
	for arg, want := range map[string]string{
		"talos.logging.kernel=udp://127.212.7.1:16515": "127.212.7.1:16515",
		"talos.logging.kernel=tcp://127.212.7.1:16515": "",
		"talos.logging.kernel=udp://bastion:16515":     "",
		"talos.logging.kernel=udp://[::":               "",
		"console=ttyS0":                                "",
	} {
		got, ok := kernelLogTarget(machineSiteWith(t, "talos: {", "talos: {kernelArgs: ['"+arg+"'], "))
		require.Equal(t, want != "", ok, arg)
		if ok {
			require.Equal(t, want, got.String())
		}
	}
	b := withoutSecrets(t, machineSiteWith(t, "talos: {", "talos: {kernelArgs: ['talos.logging.kernel=udp://192.0.2.1:514'], "))
	require.NoError(t, b.listenToConsoles(t.Context(), silent))
	require.Nil(t, b.consoles, "another host's address")
	require.NoError(t, b.close())
}

func TestAnybodyMayFillAnOpenPort(t *testing.T) {
	c := &consoleLog{from: netip.MustParsePrefix("127.0.0.0/8"), log: slog.New(slog.DiscardHandler), last: map[netip.Addr]string{}}
	record := fmt.Appendf(nil, `{"msg": %q}`, issuedFor(elsewhere))
	c.take(netip.MustParseAddr("192.0.2.1"), record)
	require.Empty(t, c.last, "no node is there")
	for addr, i := netip.MustParseAddr("127.0.0.1"), 0; i < 2*maxConsoles; addr, i = addr.Next(), i+1 {
		c.take(addr, record)
		c.take(addr, []byte("noise"))
	}
	require.Len(t, c.last, maxConsoles)
	fingerprint, ok := c.of(netip.MustParseAddr("127.0.0.1"))
	require.True(t, ok)
	require.Equal(t, elsewhere, fingerprint)
	_, ok = (*consoleLog)(nil).of(netip.Addr{})
	require.False(t, ok)
}
