// SPDX-License-Identifier: Apache-2.0

// Package firmware boots machines with real firmware from the product: QEMU with SeaBIOS and iPXE, OVMF and AAVMF, on
// the simulated provisioning network, beside a real DHCP server. What they boot is a real kernel, Debian's, with an
// initramfs of our own that says what it was told. Nothing here knows how the product decides: it sees the machine's
// console and the frames on its wire.
//
// It refuses to know Talos: a machine is done when its kernel runs. Still missing: HTTPS boot, IPv6, VLANs, relays, real
// network cards' ROMs, riscv64, and KVM (machines are emulated, so that any Linux can run them).
package firmware

import (
	"net/netip"
	"time"
)

// Addresses of the simulated network.
var (
	bastion   = netip.MustParsePrefix("10.77.0.2/24") // the product
	dhcpSite  = netip.MustParsePrefix("10.77.0.1/24") // the site's DHCP server
	routerULA = netip.MustParsePrefix("fd00:77::1/64")
)

// Firmware is what a machine starts with.
type Firmware string

// The kinds of firmware.
const (
	BIOS    Firmware = "bios"  // SeaBIOS
	UEFI    Firmware = "uefi"  // OVMF
	AArch64 Firmware = "arm64" // AAVMF
)

// Arch is the architecture's name in the names of Talos's files.
func (f Firmware) Arch() string {
	if f == AArch64 {
		return "arm64"
	}
	return "amd64"
}

// Patience is how long a boot may take: on an idle machine with two cores none takes more than a quarter of it, and CI's
// are not idle. Only boots that fail take so long.
const Patience = 4 * time.Minute
