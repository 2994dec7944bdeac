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

const (
	pxeBIOS  = "PXEClient:Arch:00000:UNDI:002001"
	pxeUEFI  = "PXEClient:Arch:00007:UNDI:003000"
	httpUEFI = "HTTPClient:Arch:00016:UNDI:003000"
	ownDir   = "52-54-00-77-00-01/"
	ownURL   = "http://10.77.0.2:8080/" + ownDir
	script   = "http://10.77.0.2:8080/boot.ipxe?mac=52:54:00:77:00:01"
)

// everything is a policy under which all that can be offered is there.
func everything(change ...func(*Policy)) Policy {
	p := Policy{
		Offered: Offered{
			BIOS: "undionly.kpxe", Native: "ipxe.pxe", UEFI: "snponly.efi", ARM64: "ipxe-arm64.efi",
			UKI:    map[string]string{archAMD64: "metal-amd64-uki.efi", archARM64: "metal-arm64-uki.efi"},
			Kernel: map[string]string{archAMD64: "kernel-amd64", archARM64: "kernel-arm64"},
			Sizes:  map[string]int64{"metal-amd64-uki.efi": 99_800_000, "metal-arm64-uki.efi": 60_000_000},
		},
		Base: url.URL{Scheme: "http", Host: "10.77.0.2:8080"},
	}
	for _, one := range change {
		one(&p)
	}
	return p
}

func discover(class string, arch uint16, user ...string) Facts {
	return Facts{Source: FromDHCP, Message: dhcp.Discover, MAC: macOne, Class: class, Archs: []uint16{arch}, UserClasses: user}
}

func with(f Facts, change func(*Facts)) Facts {
	change(&f)
	return f
}

func sent(f Facts, source Source, message dhcp.Message) Facts {
	f.Source, f.Message = source, message
	return f
}

// decision is one case of the table tests.
type decision struct {
	machine Machine
	facts   Facts
	policy  Policy
	want    Answer
}

func checkDecisions(t *testing.T, cases map[string]decision) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Decide(c.machine, c.facts, c.policy))
		})
	}
}

func TestFirmwareIsToldWhatItCanLoad(t *testing.T) {
	node := Machine{Name: "node1", MACs: []net.HardwareAddr{macOne}}
	arm := Machine{Name: "node1", MACs: []net.HardwareAddr{macOne}, Arch: archARM64}
	own := node
	own.Loader = "ipxe.efi"
	noLoaders := everything(func(p *Policy) { p.Offered.BIOS, p.Offered.UEFI, p.Offered.ARM64 = "", "", "" })
	noUKI := everything(func(p *Policy) { p.Offered.UKI = nil })
	noKernel := everything(func(p *Policy) { p.Offered.Kernel = nil })
	signed := everything(func(p *Policy) { p.SecureBoot = true })
	disk := everything(func(p *Policy) { p.FromDisk = true })
	bios := Answer{Action: Load, Reason: "x86-64 BIOS", File: ownDir + "undionly.kpxe", Dialect: dhcp.DiscoveryControl, Firmware: "x86-64 BIOS", Talks: true}
	uefi := Answer{Action: Load, Reason: "x86-64 UEFI", File: ownDir + "snponly.efi", Firmware: "x86-64 UEFI", Talks: true}
	uki := Answer{Action: LoadUKI, Reason: "x86-64 UEFI, the UKI by TFTP: 100 MB, about 33 s", File: ownDir + "metal-amd64-uki.efi", Firmware: "x86-64 UEFI", Talks: true}
	ownLoader := uefi
	ownLoader.File = ownDir + "ipxe.efi"

	checkDecisions(t, map[string]decision{
		"BIOS":                           {node, discover(pxeBIOS, 0), everything(), bios},
		"BIOS on the boot service":       {node, sent(discover(pxeBIOS, 0), FromBoot, dhcp.Ask), everything(), bios},
		"UEFI":                           {node, discover(pxeUEFI, 7), everything(), uefi},
		"UEFI on the boot service":       {node, sent(discover(pxeUEFI, 7), FromBoot, dhcp.Ask), everything(), uefi},
		"UEFI that calls itself EBC":     {node, discover(pxeUEFI, 9), everything(), uefi},
		"the first that can boot counts": {node, with(discover(pxeUEFI, 7), func(f *Facts) { f.Archs = []uint16{6, 7, 0} }), everything(), uefi},
		"UEFI with a loader of its own":  {own, discover(pxeUEFI, 7), everything(), ownLoader},
		"UEFI without an iPXE":           {node, discover(pxeUEFI, 7), noLoaders, uki},
		"UEFI without a kernel":          {node, discover(pxeUEFI, 7), noKernel, uki},
		"UEFI with Secure Boot":          {node, discover(pxeUEFI, 7), signed, uki},
		"an installed machine is led to its disk by iPXE": {node, discover(pxeBIOS, 0), disk, bios},
		"another user class is firmware":                  {node, discover(pxeBIOS, 0, "PXEROM"), everything(), bios},
		"UEFI HTTP boot": {node, discover(httpUEFI, 16), everything(), Answer{
			Action: LoadUKI, Reason: "x86-64 UEFI HTTP boot", File: ownURL + "metal-amd64-uki.efi", Firmware: "x86-64 UEFI HTTP boot",
		}},
		"UEFI HTTP boot without a UKI": {node, discover(httpUEFI, 16), noUKI, Answer{
			Action: Load, Reason: "x86-64 UEFI HTTP boot", File: ownURL + "snponly.efi", Firmware: "x86-64 UEFI HTTP boot",
		}},
		"arm64 UEFI": {arm, discover("PXEClient:Arch:00011:UNDI:003000", 11), everything(), Answer{
			Action: Load, Reason: "arm64 UEFI", File: ownDir + "ipxe-arm64.efi", Firmware: "arm64 UEFI", Talks: true,
		}},
		"arm64 UEFI without an iPXE": {arm, discover("PXEClient:Arch:00011:UNDI:003000", 11), noLoaders, Answer{
			Action: LoadUKI, Reason: "arm64 UEFI, the UKI by TFTP: 60 MB, about 20 s", File: ownDir + "metal-arm64-uki.efi", Firmware: "arm64 UEFI", Talks: true,
		}},
		"arm64 UEFI HTTP boot": {arm, discover("HTTPClient:Arch:00019:UNDI:003000", 19), everything(), Answer{
			Action: LoadUKI, Reason: "arm64 UEFI HTTP boot", File: ownURL + "metal-arm64-uki.efi", Firmware: "arm64 UEFI HTTP boot",
		}},

		"BIOS without an iPXE":  {node, discover(pxeBIOS, 0), noLoaders, ignore("x86-64 BIOS, and there is neither an iPXE for it in --ipxe-dir nor a UKI among the boot assets")},
		"BIOS with Secure Boot": {node, discover(pxeBIOS, 0), signed, ignore("x86-64 BIOS has no Secure Boot, which the site file asks for: switch the machine to UEFI")},
		"HTTP boot with Secure Boot and no signed UKI": {
			node, discover(httpUEFI, 16), everything(func(p *Policy) { p.SecureBoot, p.Offered.UKI = true, nil }),
			ignore("x86-64 UEFI HTTP boot, and there is no UKI for it among the boot assets"),
		},
		"TFTP boot with Secure Boot and no signed UKI": {
			node, discover(pxeUEFI, 7), everything(func(p *Policy) { p.SecureBoot, p.Offered.UKI = true, nil }),
			ignore("x86-64 UEFI, and there is no signed UKI for it among the boot assets"),
		},
		"another architecture than the site's": {node, discover("PXEClient", 11), everything(), ignore("its firmware is arm64 UEFI, and the site file says arch: amd64")},
		"32-bit UEFI":                          {node, discover("PXEClient", 6), everything(), ignore("32-bit x86 UEFI: Talos does not run there")},
		"an unknown architecture":              {node, discover("PXEClient", 99), everything(), ignore("architecture [99] is unknown")},
		"no architecture":                      {node, with(discover("PXEClient", 0), func(f *Facts) { f.Archs = nil }), everything(), ignore("it does not say its architecture (option 93)")},
	})
}

func TestIPXEGetsItsScript(t *testing.T) {
	node := Machine{Name: "node1", MACs: []net.HardwareAddr{macOne}}
	can := func(f dhcp.Features) func(*Facts) { return func(to *Facts) { to.IPXE = &f } }
	noNative := everything(func(p *Policy) { p.Offered.Native = "" })
	signed := everything(func(p *Policy) { p.SecureBoot = true })
	bios := Answer{Action: Script, Reason: "iPXE runs", File: script + "&arch=amd64", Dialect: dhcp.DiscoveryControl, Firmware: "x86-64 BIOS"}
	uefi := Answer{Action: Script, Reason: "iPXE runs", File: script + "&arch=amd64", Firmware: "x86-64 UEFI"}
	withUUID := uefi
	withUUID.File = script + "&uuid=" + someUUID + "&arch=amd64"

	checkDecisions(t, map[string]decision{
		"in a BIOS ROM":             {node, discover(pxeBIOS, 0, "iPXE"), everything(), bios},
		"that can all we need":      {node, with(discover(pxeBIOS, 0, "iPXE"), can(dhcp.Features{HTTP: true, BzImage: true})), everything(), bios},
		"loaded, with a bare class": {node, discover("PXEClient", 7, "iPXE"), everything(), uefi},
		"with the UUID":             {node, with(discover("PXEClient", 7, "iPXE"), func(f *Facts) { f.UUID = someUUID }), everything(), withUUID},
		"loaded by HTTP":            {node, discover(httpUEFI, 16, "iPXE"), everything(), Answer{Action: Script, Reason: "iPXE runs", File: script + "&arch=amd64", Firmware: "x86-64 UEFI HTTP boot"}},
		"on an arm64 machine": {
			Machine{Name: "node1", Arch: archARM64},
			discover("PXEClient", 11, "iPXE"), everything(),
			Answer{Action: Script, Reason: "iPXE runs", File: script + "&arch=arm64", Firmware: "arm64 UEFI"},
		},
		"a ROM without bzImage": {
			node, with(discover(pxeBIOS, 0, "iPXE"), can(dhcp.Features{HTTP: true})), everything(),
			Answer{Action: Load, Reason: "the iPXE in its ROM lacks Linux kernels (bzImage)", File: ownDir + "ipxe.pxe", Dialect: dhcp.DiscoveryControl, Firmware: "x86-64 BIOS"},
		},
		"a UEFI ROM without HTTP": {
			node, with(discover(pxeUEFI, 7, "iPXE"), can(dhcp.Features{EFI: true})), everything(),
			Answer{Action: Load, Reason: "the iPXE in its ROM lacks HTTP", File: ownDir + "snponly.efi", Firmware: "x86-64 UEFI"},
		},
		"a ROM without bzImage, and no other iPXE": {
			node, with(discover(pxeBIOS, 0, "iPXE"), can(dhcp.Features{HTTP: true})), noNative,
			ignore("the iPXE in its ROM lacks Linux kernels (bzImage), and there is no other for x86-64 BIOS in --ipxe-dir"),
		},
		"where Secure Boot is wanted": {
			node, discover(pxeUEFI, 7, "iPXE"), signed,
			ignore("iPXE runs, which is not signed, and the site file asks for Secure Boot: boot the UKI by UEFI HTTP"),
		},
	})
}
