// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"fmt"
	"slices"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// Decide says what to answer. It is pure, and is asked several times while a machine boots. The zero Machine is a
// stranger.
func Decide(m Machine, f Facts, p Policy) Answer {
	if reason := refuse(m, f, p); reason != "" {
		return ignore("%s", reason)
	}
	switch f.Source {
	case FromFile:
		return decideFile(m, f, p)
	case FromScript:
		return decideScript(m, f, p)
	default:
		return decidePacket(m, f, p)
	}
}

// refuse says why a machine gets no answer, whatever it asks; "" when it does.
func refuse(m Machine, f Facts, p Policy) string {
	if f.Source == FromBoot && f.Message != dhcp.Ask {
		return fmt.Sprintf("%s on the boot service port", f.Message)
	}
	if !p.Serves && f.Source == FromDHCP {
		switch {
		case !f.netboots():
			return "not a netboot client"
		case f.Message != dhcp.Discover:
			return fmt.Sprintf("%s on the DHCP port is for the DHCP server", f.Message)
		}
	}
	if p.Mistaken != "" {
		return p.Mistaken
	}
	if isUntold(m, p) && (!p.AskSerial || f.SerialAsked || !f.netboots()) {
		return "not a machine of the site"
	}
	return ""
}

// decideFile is for a file under a machine's own name.
func decideFile(m Machine, f Facts, p Policy) Answer {
	isBoot := f.File == p.Offered.UKI[archAMD64] || f.File == p.Offered.UKI[archARM64] || m.DiskBoot == DiskBootNotFound
	if p.FromDisk && isBoot {
		return Answer{Action: NotFound, Reason: "is installed: its firmware goes on to the disk"}
	}
	return Answer{Action: Send, Reason: "sent"}
}

func decideScript(m Machine, f Facts, p Policy) Answer {
	switch {
	case p.FromDisk && m.DiskBoot == DiskBootNotFound:
		return Answer{Action: NotFound, Reason: "is installed: iPXE finds no script and gives the machine back"}
	case p.FromDisk && m.DiskBoot == DiskBootSANBoot:
		return Answer{Action: SANBoot, Reason: "is installed"}
	case p.FromDisk:
		return Answer{Action: BootDisk, Reason: "is installed"}
	case isUntold(m, p):
		return Answer{Action: AskSerial, Reason: "may be known by its serial number"}
	}
	arch := f.Arch
	if arch == "" {
		arch = m.arch()
	}
	if p.Offered.Kernel[arch] == "" {
		return ignore("there is no kernel for %s among the boot assets", arch)
	}
	return Answer{Action: BootTalos, Reason: whose(m, p)}
}

// whose says why a machine is let in.
func whose(m Machine, p Policy) string {
	switch {
	case m.Name != "":
		return "is a machine of the site"
	case p.Approved:
		return "a stranger that was approved"
	case isUntold(m, p):
		return "may be known by its serial number"
	default:
		return "strangers are accepted"
	}
}

func decidePacket(m Machine, f Facts, p Policy) Answer {
	if !f.netboots() || f.Message != dhcp.Discover && f.Message != dhcp.Ask {
		return Answer{Action: Address, Reason: whose(m, p)}
	}
	fw, err := firmwareOf(f.Archs)
	switch {
	case err != nil:
		return ignore("%s", err)
	case m.Name != "" && m.arch() != fw.arch:
		return ignore("its firmware is %s, and the site file says arch: %s", fw.name, m.arch())
	case p.SecureBoot && !fw.uefi:
		return ignore("%s has no Secure Boot, which the site file asks for: switch the machine to UEFI", fw.name)
	case slices.Contains(f.UserClasses, "iPXE"):
		return decideIPXE(fw, f, p)
	case fw.http:
		return decideURL(m, fw, f, p)
	default:
		return decideTFTP(m, fw, f, p)
	}
}

// decideIPXE is for an iPXE that runs, in a ROM or loaded by us.
func decideIPXE(fw firmware, f Facts, p Policy) Answer {
	answer := Answer{Dialect: defaultDialect(fw), Firmware: fw.name}
	if p.SecureBoot {
		return ignore("iPXE runs, which is not signed, and the site file asks for Secure Boot: boot the UKI by UEFI HTTP")
	}
	if lacks := missingFeature(fw, f.IPXE); lacks != "" {
		answer.Action, answer.Reason = Load, "the iPXE in its ROM lacks "+lacks
		answer.File = p.Offered.loader(fw)
		if !fw.uefi {
			answer.File = p.Offered.Native
		}
		if answer.File == "" {
			return ignore("%s, and there is no other for %s in --ipxe-dir", answer.Reason, fw.name)
		}
		answer.File = machineFile(f.MAC, answer.File)
		return answer
	}
	answer.Action, answer.Reason, answer.File = Script, "iPXE runs", scriptURL(p.Base, f, fw.arch)
	return answer
}

// missingFeature names what an iPXE can't do that we need, as the cut-down ones of VirtualBox and some cards
// (danderson/netboot#51, #55); "" when nothing is known to be missing.
func missingFeature(fw firmware, has *dhcp.Features) string {
	switch {
	case has == nil:
		return ""
	case !has.HTTP:
		return "HTTP"
	case !fw.uefi && !has.BzImage:
		return "Linux kernels (bzImage)"
	case fw.uefi && !has.EFI:
		return "EFI images"
	}
	return ""
}

// decideURL is for UEFI HTTP boot: the UKI, which needs no iPXE, else iPXE by HTTP.
func decideURL(m Machine, fw firmware, f Facts, p Policy) Answer {
	if uki := p.Offered.UKI[fw.arch]; uki != "" && !isUntold(m, p) {
		return Answer{Action: LoadUKI, Reason: fw.name, File: machineURL(p.Base, f.MAC, uki), Firmware: fw.name}
	}
	loader := p.Offered.loader(fw)
	if loader == "" || p.SecureBoot {
		return ignore("%s, and there is no %s", fw.name, lacking(m, p, "UKI for it among the boot assets"))
	}
	return Answer{Action: Load, Reason: fw.name, File: machineURL(p.Base, f.MAC, loader), Firmware: fw.name}
}

// decideTFTP is for firmware that loads by TFTP: iPXE, else the UKI itself, which takes its time.
func decideTFTP(m Machine, fw firmware, f Facts, p Policy) Answer {
	answer := Answer{Action: Load, Reason: fw.name, Dialect: defaultDialect(fw), Firmware: fw.name, Talks: true}
	name := p.Offered.loader(fw)
	if m.Loader != "" {
		name = m.Loader
	}
	uki := p.Offered.UKI[fw.arch]
	if isUntold(m, p) {
		uki = ""
	}
	switch {
	case fw.uefi && uki != "" && (p.SecureBoot || name == "" || p.Offered.Kernel[fw.arch] == ""):
		name = uki
		answer.Action, answer.Reason = LoadUKI, fmt.Sprintf("%s, %s", fw.name, byTFTP(p.Offered.Sizes[uki]))
	case p.SecureBoot:
		return ignore("%s, and there is no %s", fw.name, lacking(m, p, "signed UKI for it among the boot assets"))
	case name == "":
		return ignore("%s, and there is neither an iPXE for it in --ipxe-dir nor a UKI among the boot assets", fw.name)
	}
	answer.File = machineFile(f.MAC, name)
	return answer
}

// isUntold says that this is a stranger who is let as far as iPXE, which can tell the serial number by which it may be
// known. A UKI can't, and would start Talos on anybody's machine.
func isUntold(m Machine, p Policy) bool { return m.Name == "" && !p.AcceptUnknown && !p.Approved }

// lacking is what a machine would need to boot.
func lacking(m Machine, p Policy, what string) string {
	if isUntold(m, p) {
		return "iPXE for it, which could tell the serial number by which it may be known"
	}
	return what
}

// tftpRate is what firmware reaches in lock step with 1428 bytes a block and half a millisecond for the round (belief;
// EDK2 under software emulation was slower). Bytes a second.
const tftpRate = 3_000_000

// byTFTP tells how long a big file takes.
func byTFTP(size int64) string {
	return fmt.Sprintf("the UKI by TFTP: %d MB, about %d s", (size+500_000)/1_000_000, max(1, size/tftpRate))
}

// defaultDialect is the one that most firmware of a kind wants.
func defaultDialect(fw firmware) dhcp.Dialect {
	if fw.uefi {
		return dhcp.BootService
	}
	return dhcp.DiscoveryControl
}

func ignore(format string, args ...any) Answer {
	return Answer{Action: Ignore, Reason: fmt.Sprintf(format, args...)}
}
