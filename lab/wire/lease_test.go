// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/pxe"
)

// isARM tells kinds of machines whose node has arch: arm64.
func isARM(f rom.Firmware) bool { return f == rom.UEFIArm64 || f == rom.UEFIArm64HTTP }

// kinds are one node of each kind of firmware: w0, w1 and so on, with what a site file says of them.
func kinds() (nodes []string, machines []machine) {
	for i, firmware := range rom.Firmwares() {
		arch := "amd64"
		if isARM(firmware) {
			arch = "arm64"
		}

		mac := fmt.Sprintf("52:54:00:77:01:%02x", i)
		nodes = append(nodes, fmt.Sprintf("name: w%d, mac: %q, address: 10.77.0.%d, arch: %s", i, mac, 40+i, arch))
		machines = append(machines, machine{mac: mac, firmware: firmware})
	}

	return nodes, machines
}

func TestServerModeBootsEveryKindOfMachineAtItsOwnAddress(t *testing.T) {
	nodes, machines := kinds()
	s := newSite(t, serverMode, nodes...)
	s.serve()

	for i, m := range machines {
		reserved := netip.AddrFrom4([4]byte{10, 77, 0, byte(40 + i)})
		got := s.boots(m)
		require.NotEmpty(t, got.addresses)

		for _, address := range got.addresses {
			require.Equal(t, reserved, address, "%s", m.firmware)
		}
	}

	for i, dialect := range []rom.Dialect{rom.DiscoveryControl, rom.BootServer, rom.HeaderOnly} {
		s.boots(machine{mac: fmt.Sprintf("52:54:00:77:00:%02x", 1+i), firmware: rom.BIOS, accepts: dialect})
	}
}

func TestServerModeGivesStrangersNothingUnlessTheyAreAccepted(t *testing.T) {
	s := newSite(t, serverMode)
	stranger := machine{mac: "52:54:00:99:00:01", firmware: rom.UEFIHTTP}

	s.serve()
	_, err := s.boot(stranger)
	require.ErrorIs(t, err, dhcp.ErrNoOffer)
	require.Contains(t, s.explain(stranger.mac, "not a machine of the site"), "ignored")
	s.interrupt()

	s.serve("--accept-unknown")

	for _, address := range s.boots(stranger).addresses {
		require.Equal(t, "10.77.0.100", address.String())
	}
}

func TestServerModeLeasesSurviveAKilledServer(t *testing.T) {
	s := newSite(t, serverMode, `name: w1, uuid: "33221100-5544-7766-8899-aabbccddeeff", address: 10.77.0.60`)
	s.serve("--accept-unknown")

	// Two strangers come in one order, and after the restart in the other: only a memory keeps their addresses.
	one, other := machine{mac: "52:54:00:99:00:01", firmware: rom.UEFIHTTP}, machine{mac: "52:54:00:99:00:02", firmware: rom.BIOS}
	first, second := s.boots(one).addresses[0], s.boots(other).addresses[0]
	require.NotEqual(t, first, second)

	s.kill(s.server)
	s.serve("--accept-unknown")

	require.Equal(t, second, s.boots(other).addresses[0])
	require.Equal(t, first, s.boots(one).addresses[0])

	require.Eventually(t, func() bool { return len(s.status().Leases) == 2 }, patience, 200*time.Millisecond)
	text := s.command("pxe", "status").out
	require.Regexp(t, `(?m)^10\.77\.0\.100 +- +52:54:00:99:00:01 +bound `, text)
	require.Contains(t, text, "netboot server (server) on eth0")
}

func TestServerModeRenewsWhatASystemHas(t *testing.T) {
	s := newSite(t, serverMode)
	s.serve()

	port := s.attach("52:54:00:77:00:02")
	all, one := s.clients(port, bastion.Addr())
	lease, err := all.Lease(t.Context())
	require.NoError(t, err)
	require.Equal(t, "10.77.0.22/24", lease.Address.String())
	require.Equal(t, 2*time.Minute, lease.Duration)
	require.NoError(t, port.Assign(lease.Address))

	again, err := one.Renew(t.Context(), lease)
	require.NoError(t, err)
	require.Equal(t, lease.Address, again.Address)
	require.Contains(t, s.explain("cp2", "DHCPREQUEST"), "is a machine of the site, address 10.77.0.22")
}

func TestServerModeLeavesAnAddressAloneThatSomebodyUses(t *testing.T) {
	s := newSite(t, serverMode)
	require.NoError(t, s.network.Site.Assign(netip.MustParsePrefix("10.77.0.100/24")))
	s.serve("--accept-unknown")

	require.Equal(t, "10.77.0.101", s.boots(machine{mac: "52:54:00:99:00:01", firmware: rom.UEFIHTTP}).addresses[0].String())
	require.Contains(t, s.notice(pxe.DuplicateAddress, "10.77.0.100").Text, "address 10.77.0.100 of the pool is in use by ")
}

func TestServerModeAsksMachinesForTheirSerialNumber(t *testing.T) {
	s := newSite(t, serverMode, "name: w1, serial: SERIAL-1, address: 10.77.0.60", "name: w2, serial: SERIAL-2, address: 10.77.0.61")
	s.serve()

	for i, m := range []machine{
		{mac: "52:54:00:88:00:01", serial: "SERIAL-1", firmware: rom.BIOS},
		{mac: "52:54:00:88:00:02", serial: "SERIAL-2", firmware: rom.UEFIHTTP},
	} {
		address := s.boots(m).addresses[0]
		require.True(t, netip.MustParsePrefix("10.77.0.96/27").Contains(address), "%s is not of the pool", address)
		s.explain(fmt.Sprintf("w%d", 1+i), "initramfs")
	}

	// Its operating system is known by what its iPXE said, and gets its own address.
	system, _ := s.clients(s.attach("52:54:00:88:00:01"), bastion.Addr())
	lease, err := system.Lease(t.Context())
	require.NoError(t, err)
	require.Equal(t, "10.77.0.60/24", lease.Address.String())

	_, err = s.boot(machine{mac: "52:54:00:88:00:03", serial: "SERIAL-3", firmware: rom.BIOS})
	require.Error(t, err)
	s.explain("52:54:00:88:00:03", "not a machine of the site")
}

func TestServerModeRefusesToStandBesideAnotherServer(t *testing.T) {
	s := newSite(t, serverMode)
	s.routerDHCP(s.network, router.Addr())

	refused := s.start()
	<-refused.ended
	require.Equal(t, 1, refused.command.ProcessState.ExitCode())
	require.Contains(t, refused.text(), "another DHCP server answers on eth0: 10.77.0.1")
	require.Contains(t, refused.text(), "hint: set netboot.mode to proxy")

	s.serve("--beside-dhcp")
	_, _ = s.boot(machine{mac: "52:54:00:77:00:01", firmware: rom.UEFIHTTP}) // whoever answers it
	require.Contains(t, s.notice(pxe.ForeignDHCP, "10.77.0.1").Text, "10.77.0.1 on eth0, gives addresses too")
}
