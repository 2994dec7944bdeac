// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

var (
	macOne   = net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}
	macTwo   = net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 2}
	someUUID = "11223344-5566-7788-99aa-bbccddeeff00"
)

func TestDecide(t *testing.T) {
	const (
		pxeBIOS = "PXEClient:Arch:00000:UNDI:002001"
		pxeUEFI = "PXEClient:Arch:00007:UNDI:003000"
		script  = "http://10.77.0.2:8080/boot.ipxe"
	)
	node := Machine{Name: "node1", MACs: []net.HardwareAddr{macOne}}
	stranger := Machine{}
	strict := Policy{
		BIOS: "undionly.kpxe", UEFI: "snponly.efi",
		Script: url.URL{Scheme: "http", Host: "10.77.0.2:8080", Path: "/boot.ipxe"},
	}
	accept, serial, disk := strict, strict, strict
	accept.AcceptUnknown = true
	serial.AskSerial = true
	disk.FromDisk = true
	discover := func(class string, arch uint16, user ...string) Facts {
		return Facts{Source: FromDHCP, Message: dhcp.Discover, MAC: macOne, Class: class, Archs: []uint16{arch}, UserClasses: user}
	}
	boot := func(f Facts, message dhcp.Message) Facts {
		f.Source, f.Message = FromBoot, message
		return f
	}
	with := func(f Facts, change func(*Facts)) Facts {
		change(&f)
		return f
	}
	asksScript := Facts{Source: FromScript, MAC: macOne}

	for name, c := range map[string]struct {
		machine Machine
		facts   Facts
		policy  Policy
		want    Answer
	}{
		"BIOS firmware is told to skip discovery": {
			node, discover(pxeBIOS, 0), strict,
			Answer{Action: Load, Reason: "BIOS firmware", File: "undionly.kpxe", SkipDiscovery: true},
		},
		"UEFI firmware is not": {
			node, discover(pxeUEFI, 7), strict,
			Answer{Action: Load, Reason: "UEFI firmware", File: "snponly.efi"},
		},
		"firmware that calls itself EBC is x86-64 UEFI": {
			node, discover("PXEClient:Arch:00009:UNDI:003000", 9), strict,
			Answer{Action: Load, Reason: "UEFI firmware", File: "snponly.efi"},
		},
		"the first architecture that can boot counts": {
			node, with(discover(pxeUEFI, 7), func(f *Facts) { f.Archs = []uint16{11, 7, 0} }), strict,
			Answer{Action: Load, Reason: "UEFI firmware", File: "snponly.efi"},
		},
		"UEFI firmware on the boot service": {
			node, boot(discover(pxeUEFI, 7), dhcp.Ask), strict,
			Answer{Action: Load, Reason: "UEFI firmware", File: "snponly.efi"},
		},
		"BIOS firmware on the boot service": {
			node, boot(discover(pxeBIOS, 0), dhcp.Ask), strict,
			Answer{Action: Load, Reason: "BIOS firmware", File: "undionly.kpxe", SkipDiscovery: true},
		},
		"iPXE in a BIOS ROM gets the script": {
			node, discover(pxeBIOS, 0, "iPXE"), strict,
			Answer{Action: Script, Reason: "iPXE runs", File: script + "?mac=52:54:00:77:00:01", SkipDiscovery: true},
		},
		"iPXE that was loaded says bare PXEClient": {
			node, discover("PXEClient", 7, "iPXE"), strict,
			Answer{Action: Script, Reason: "iPXE runs", File: script + "?mac=52:54:00:77:00:01"},
		},
		"the UUID goes along": {
			node, with(discover("PXEClient", 7, "iPXE"), func(f *Facts) { f.UUID = someUUID }), strict,
			Answer{Action: Script, Reason: "iPXE runs", File: script + "?mac=52:54:00:77:00:01&uuid=" + someUUID},
		},
		"another user class is firmware": {
			node, discover("PXEClient", 0, "PXEROM"), strict,
			Answer{Action: Load, Reason: "BIOS firmware", File: "undionly.kpxe", SkipDiscovery: true},
		},
		"an installed machine is led to its disk by iPXE": {
			node, discover(pxeBIOS, 0), disk,
			Answer{Action: Load, Reason: "BIOS firmware", File: "undionly.kpxe", SkipDiscovery: true},
		},

		"a stranger": {
			stranger, discover(pxeBIOS, 0), strict,
			Answer{Action: Ignore, Reason: "not a machine of the site"},
		},
		"a stranger when accepted": {
			stranger, discover(pxeBIOS, 0), accept,
			Answer{Action: Load, Reason: "BIOS firmware", File: "undionly.kpxe", SkipDiscovery: true},
		},
		"a stranger when the serial number may tell": {
			stranger, discover(pxeUEFI, 7), serial,
			Answer{Action: Load, Reason: "UEFI firmware", File: "snponly.efi"},
		},
		"an operating system": {
			node, discover("", 0), strict,
			Answer{Action: Ignore, Reason: "not a netboot client"},
		},
		"another vendor": {
			node, discover("MSFT 5.0", 0), accept,
			Answer{Action: Ignore, Reason: "not a netboot client"},
		},
		"UEFI HTTP boot": {
			node, discover("HTTPClient:Arch:00016:UNDI:003000", 16), strict,
			Answer{Action: Ignore, Reason: "UEFI HTTP boot is not served yet"},
		},
		"arm64": {
			node, discover("PXEClient:Arch:00011:UNDI:003000", 11), strict,
			Answer{Action: Ignore, Reason: "architecture [11] is not served yet"},
		},
		"no architecture": {
			node, with(discover("PXEClient", 0), func(f *Facts) { f.Archs = nil }), strict,
			Answer{Action: Ignore, Reason: "architecture [] is not served yet"},
		},
		"a REQUEST on the DHCP port": {
			node, with(discover(pxeBIOS, 0), func(f *Facts) { f.Message = dhcp.Ask }), strict,
			Answer{Action: Ignore, Reason: "DHCPREQUEST on the DHCP port is for the DHCP server"},
		},
		"a DISCOVER on the boot service": {
			node, boot(discover(pxeUEFI, 7), dhcp.Discover), strict,
			Answer{Action: Ignore, Reason: "DHCPDISCOVER on the boot service port"},
		},

		"a machine's script":            {node, asksScript, strict, Answer{Action: BootTalos, Reason: "is a machine of the site"}},
		"an installed machine's script": {node, asksScript, disk, Answer{Action: BootDisk, Reason: "is installed"}},
		"a stranger's script":           {stranger, asksScript, strict, Answer{Action: Ignore, Reason: "not a machine of the site"}},
		"an accepted stranger's script": {stranger, asksScript, accept, Answer{Action: BootTalos, Reason: "strangers are accepted"}},
		"a stranger who may have a serial number": {
			stranger, asksScript, serial,
			Answer{Action: AskSerial, Reason: "may be known by its serial number"},
		},
		"a stranger with a serial number of nobody's": {
			stranger, with(asksScript, func(f *Facts) { f.SerialAsked, f.Serial = true, "X" }), serial,
			Answer{Action: Ignore, Reason: "not a machine of the site"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Decide(c.machine, c.facts, c.policy))
		})
	}
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
		"the MAC counts more than the UUID":    {all, Facts{MAC: macOne, UUID: "aabbccdd-5566-7788-99aa-bbccddeeff00"}, "by-mac"},
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
			require.Equal(t, c.want, Find(c.machines, c.facts).Name)
		})
	}
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
