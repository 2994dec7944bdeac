// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net/url"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// Policy is what holds for a machine when it asks.
type Policy struct {
	// AcceptUnknown boots strangers too.
	AcceptUnknown bool
	// Approved: this stranger was let in by a person.
	Approved bool
	// AskSerial leads strangers as far as iPXE, which can tell the serial number: set when some machine of the site is
	// known by nothing else.
	AskSerial bool
	// Mistaken says in what the machine differs from the one it seems to be; "" when in nothing.
	Mistaken string
	// FromDisk: the machine is installed and boots from its disk.
	FromDisk bool
	// SecureBoot: only the signed UKI is booted.
	SecureBoot bool
	// Serves says whether addresses are given too.
	Serves bool
	// Offered is what can be booted.
	Offered Offered
	// Base is the URL of the HTTP server, without a path.
	Base url.URL
}

// Offered are the names of the files that can be booted. An empty one is not there.
type Offered struct {
	BIOS   string // iPXE for BIOS firmware
	Native string // iPXE with drivers of its own, for iPXE ROMs that lack something
	UEFI   string // iPXE for x86-64 UEFI
	ARM64  string // iPXE for arm64 UEFI
	// UKI names unified kernel images by architecture. Signed for Secure Boot if the site wants it.
	UKI map[string]string
	// Kernel names the kernels by architecture; each has an initramfs beside it.
	Kernel map[string]string
	// Sizes in bytes, by file name.
	Sizes map[string]int64
}

func (o Offered) loader(f firmware) string {
	switch {
	case f.arch == archARM64:
		return o.ARM64
	case f.uefi:
		return o.UEFI
	default:
		return o.BIOS
	}
}

// Action is what is done about a request.
type Action string

// The actions.
const (
	Ignore    Action = "ignored"
	Load      Action = "loader"       // DHCP: fetch iPXE
	LoadUKI   Action = "uki"          // DHCP: fetch the UKI, which is Talos
	Script    Action = "script"       // DHCP: fetch the script by HTTP
	Address   Action = "address"      // DHCP: an address, if addresses are given, and nothing to boot
	Send      Action = "file"         // file: as it is
	NotFound  Action = "not found"    // file, script: it is not there, so that the firmware goes on to the disk
	AskSerial Action = "serial asked" // script: come back with the serial number
	BootTalos Action = "talos"        // script: kernel and initramfs
	BootDisk  Action = "disk"         // script: leave iPXE, so that the firmware boots the disk
	SANBoot   Action = "disk by iPXE" // script: let iPXE boot the disk
)

// Answer is a decision with its reason, in words for the boot history.
type Answer struct {
	Action Action
	Reason string
	// File is the name or URL to advertise over DHCP, for Load, LoadUKI and Script.
	File string
	// Dialect is how to advertise it.
	Dialect dhcp.Dialect
	// Firmware is what asks, in words; "" where it is not known.
	Firmware string
	// Talks: it is firmware that takes a file by TFTP, and has to be told so in a dialect it takes.
	Talks bool
}
