// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

func TestWhoIsAnswered(t *testing.T) {
	node, stranger := Machine{Name: "node1", MACs: []net.HardwareAddr{macOne}}, Machine{}
	accept := everything(func(p *Policy) { p.AcceptUnknown = true })
	approved := everything(func(p *Policy) { p.Approved = true })
	serial := everything(func(p *Policy) { p.AskSerial = true })
	serves := everything(func(p *Policy) { p.Serves = true })
	mistaken := everything(func(p *Policy) { p.Mistaken = "has the MAC of node1, but another UUID" })
	bios := Answer{Action: Load, Reason: "x86-64 BIOS", File: ownDir + "undionly.kpxe", Dialect: dhcp.DiscoveryControl, Firmware: "x86-64 BIOS", Talks: true}
	unknown := ignore("not a machine of the site")
	system := with(discover("", 0), func(f *Facts) { f.Archs = nil })

	checkDecisions(t, map[string]decision{
		"a stranger":                                  {stranger, discover(pxeBIOS, 0), everything(), unknown},
		"a stranger when accepted":                    {stranger, discover(pxeBIOS, 0), accept, bios},
		"a stranger when approved":                    {stranger, discover(pxeBIOS, 0), approved, bios},
		"a stranger when the serial number may tell":  {stranger, discover(pxeBIOS, 0), serial, bios},
		"a machine that differs from the site's":      {node, discover(pxeBIOS, 0), mistaken, ignore("has the MAC of node1, but another UUID")},
		"an operating system beside a DHCP server":    {node, system, everything(), ignore("not a netboot client")},
		"another vendor":                              {node, discover("MSFT 5.0", 0), accept, ignore("not a netboot client")},
		"an operating system that we give an address": {node, system, serves, Answer{Action: Address, Reason: "is a machine of the site"}},
		"a stranger's operating system":               {stranger, system, serves, unknown},
		"a REQUEST that is for the DHCP server": {
			node, sent(discover(pxeBIOS, 0), FromDHCP, dhcp.Ask), everything(), ignore("DHCPREQUEST on the DHCP port is for the DHCP server"),
		},
		"a REQUEST that is for us":                {node, sent(discover(pxeBIOS, 0), FromDHCP, dhcp.Ask), serves, bios},
		"a RELEASE":                               {node, sent(discover(pxeBIOS, 0), FromDHCP, dhcp.Release), serves, Answer{Action: Address, Reason: "is a machine of the site"}},
		"a DISCOVER on the boot service":          {node, sent(discover(pxeUEFI, 7), FromBoot, dhcp.Discover), everything(), ignore("DHCPDISCOVER on the boot service port")},
		"a DISCOVER on the boot service's server": {node, sent(discover(pxeUEFI, 7), FromBoot, dhcp.Discover), serves, ignore("DHCPDISCOVER on the boot service port")},
	})
}

func TestScriptsAndFilesOfMachines(t *testing.T) {
	node, stranger := Machine{Name: "node1", MACs: []net.HardwareAddr{macOne}}, Machine{}
	by := func(way DiskBoot) Machine { m := node; m.DiskBoot = way; return m }
	disk := everything(func(p *Policy) { p.FromDisk = true })
	accept := everything(func(p *Policy) { p.AcceptUnknown = true })
	approved := everything(func(p *Policy) { p.Approved = true })
	serial := everything(func(p *Policy) { p.AskSerial = true })
	asks := Facts{Source: FromScript, MAC: macOne}
	told := with(asks, func(f *Facts) { f.SerialAsked, f.Serial = true, "X" })
	file := func(name string) Facts { return Facts{Source: FromFile, MAC: macOne, File: name} }
	unknown := ignore("not a machine of the site")

	checkDecisions(t, map[string]decision{
		"a machine's script":                 {node, asks, everything(), Answer{Action: BootTalos, Reason: "is a machine of the site"}},
		"an installed machine's":             {node, asks, disk, Answer{Action: BootDisk, Reason: "is installed"}},
		"one that boots its disk by iPXE":    {by(DiskBootSANBoot), asks, disk, Answer{Action: SANBoot, Reason: "is installed"}},
		"one that is to find nothing":        {by(DiskBootNotFound), asks, disk, Answer{Action: NotFound, Reason: "is installed: iPXE finds no script and gives the machine back"}},
		"one that is not installed":          {by(DiskBootNotFound), asks, everything(), Answer{Action: BootTalos, Reason: "is a machine of the site"}},
		"a stranger's":                       {stranger, asks, everything(), unknown},
		"an accepted stranger's":             {stranger, asks, accept, Answer{Action: BootTalos, Reason: "strangers are accepted"}},
		"an approved stranger's":             {stranger, asks, approved, Answer{Action: BootTalos, Reason: "a stranger that was approved"}},
		"a stranger who may have a serial":   {stranger, asks, serial, Answer{Action: AskSerial, Reason: "may be known by its serial number"}},
		"a stranger with nobody's serial":    {stranger, told, serial, unknown},
		"an architecture without a kernel":   {node, with(asks, func(f *Facts) { f.Arch = archARM64 }), everything(func(p *Policy) { delete(p.Offered.Kernel, archARM64) }), ignore("there is no kernel for arm64 among the boot assets")},
		"a machine's UKI":                    {node, file("metal-amd64-uki.efi"), everything(), Answer{Action: Send, Reason: "sent"}},
		"an installed machine's UKI":         {node, file("metal-amd64-uki.efi"), disk, Answer{Action: NotFound, Reason: "is installed: its firmware goes on to the disk"}},
		"an installed machine's loader":      {node, file("undionly.kpxe"), disk, Answer{Action: Send, Reason: "sent"}},
		"a loader that is not to be found":   {by(DiskBootNotFound), file("undionly.kpxe"), disk, Answer{Action: NotFound, Reason: "is installed: its firmware goes on to the disk"}},
		"a stranger's file":                  {stranger, file("undionly.kpxe"), everything(), unknown},
		"a loader for who may have a serial": {stranger, file("undionly.kpxe"), serial, Answer{Action: Send, Reason: "sent"}},
	})
}

func TestFind(t *testing.T) {
	byMAC := Machine{Name: "by-mac", MACs: []net.HardwareAddr{macOne, macTwo}, UUID: someUUID, Serial: "S1"}
	byUUID := Machine{Name: "by-uuid", UUID: "AABBCCDD-5566-7788-99aa-bbccddeeff00"}
	bySerial := Machine{Name: "by-serial", Serial: "S2"}
	all := []Machine{byMAC, byUUID, bySerial}
	other := net.HardwareAddr{2, 0, 0, 0, 0, 9}
	for name, c := range map[string]struct {
		machines []Machine
		facts    Facts
		want     string
	}{
		"by its first MAC":                     {all, Facts{MAC: macOne}, "by-mac"},
		"by its second MAC":                    {all, Facts{MAC: macTwo}, "by-mac"},
		"by its MAC, with its UUID":            {all, Facts{MAC: macOne, UUID: someUUID}, "by-mac"},
		"by its MAC, its UUID in old order":    {all, Facts{MAC: macOne, UUID: "44332211-6655-8877-99aa-bbccddeeff00"}, "by-mac"},
		"by its UUID in any case":              {all, Facts{MAC: other, UUID: "aabbccdd-5566-7788-99aa-bbccddeeff00"}, "by-uuid"},
		"by its serial number":                 {all, Facts{MAC: other, Serial: "S2"}, "by-serial"},
		"a copied UUID with another card":      {all, Facts{MAC: other, UUID: someUUID}, ""},
		"a copied serial with another card":    {all, Facts{MAC: other, Serial: "S1"}, ""},
		"nothing known":                        {all, Facts{MAC: other}, ""},
		"two machines with one UUID":           {[]Machine{{Name: "a", UUID: someUUID}, {Name: "b", UUID: someUUID}}, Facts{MAC: other, UUID: someUUID}, ""},
		"no machines":                          {nil, Facts{MAC: macOne}, ""},
		"a machine without anything is nobody": {[]Machine{{Name: "empty"}}, Facts{MAC: other}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, mistaken := newRoster(c.machines).find(c.facts)
			require.Equal(t, c.want, found.Name)
			require.Empty(t, mistaken)
		})
	}
}

func TestMachineWithTheRightMACAndAnotherIdentityIsMistaken(t *testing.T) {
	all := []Machine{{Name: "node1", MACs: []net.HardwareAddr{macOne}, UUID: someUUID, Serial: "S1"}}
	found, mistaken := newRoster(all).find(Facts{MAC: macOne, UUID: "aabbccdd-5566-7788-99aa-bbccddeeff00"})
	require.Equal(t, "node1", found.Name)
	require.Equal(t, "has the MAC of node1, but UUID aabbccdd-5566-7788-99aa-bbccddeeff00 where the site file has "+someUUID, mistaken)
	_, mistaken = newRoster(all).find(Facts{MAC: macOne, Serial: "S2"})
	require.Equal(t, `has the MAC of node1, but serial number "S2" where the site file has "S1"`, mistaken)
}

func TestUUIDs(t *testing.T) {
	// As QEMU started with -uuid 11223344-... sends it (testdata/firmware/uefi-x64-pxe-ovmf-2025.pcap).
	sent := []byte{0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00}
	require.Equal(t, someUUID, formatUUID(sent))
	require.Empty(t, formatUUID(make([]byte, 16)), "all zeros are no identity")
	require.Empty(t, formatUUID([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), "all ones are no identity")
	require.Empty(t, formatUUID(nil))

	require.Equal(t, someUUID, parseUUID("11223344-5566-7788-99AA-BBCCDDEEFF00"))
	for _, bad := range []string{
		"", "11223344", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"11223344-5566-7788-99aa-bbccddeeff0g", "112233445566-7788-99aa-bbcc-ddeeff00",
	} {
		require.Empty(t, parseUUID(bad), bad)
	}
}
