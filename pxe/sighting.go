// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"net/netip"
	"slices"
	"time"
)

// Stage is how far a machine has come in its present boot.
type Stage string

// The stages in order. A machine that starts anew goes back to StageOffered.
const (
	StageSeen      Stage = "seen"         // asked, and was ignored
	StageOffered   Stage = "offered"      // was told about a loader, a UKI or a script
	StageAsked     Stage = "boot service" // came to port 4011 and was told again
	StageLoader    Stage = "loader"       // has fetched iPXE
	StageScript    Stage = "script"       // has fetched its script
	StageKernel    Stage = "kernel"       // has fetched the kernel
	StageInitramfs Stage = "initramfs"    // has fetched the initramfs: Talos starts
	StageUKI       Stage = "uki"          // has fetched the UKI: Talos starts
	StageDisk      Stage = "disk"         // was sent to its disk
)

// Event is one packet or request of a machine.
type Event struct {
	Time     time.Time `json:"time"`
	What     string    `json:"what"` // "DHCPDISCOVER", "TFTP undionly.kpxe", ...
	Answered bool      `json:"answered"`
	Reason   string    `json:"reason"` // why it was answered so, or ignored
	Stage    Stage     `json:"stage,omitempty"`
}

// Sighting is what is known of one network card that asked for something; a machine with several may have several. All
// of it is only claimed: whoever acts on it checks the machine's identity first.
type Sighting struct {
	Machine string // the site's name for it; "" for a stranger
	MAC     net.HardwareAddr
	UUID    string // lower case; "" when never told
	// Firmware is what it netboots with, in words; "" until it was told something to load.
	Firmware string
	Stage    Stage
	// Since is when it reached the stage.
	Since time.Time
	// LastAddr is the address it last used or asked for. Zero: none is known. Talos asks DHCP again and may get another.
	LastAddr netip.Addr
	LastSeen time.Time
	// ToDisk is when it was last sent to its disk. Zero: never.
	ToDisk time.Time
	// Chosen is when it last took an address from a DHCP server, and DHCP which one. Zero: never seen.
	Chosen time.Time
	DHCP   netip.Addr
	// Offer is the name or URL that it was last told, and OfferedAt when. Loading is a file that it is fetching.
	Offer     string
	OfferedAt time.Time
	Loading   string
	// Talk is how firmware is told its boot file by TFTP.
	Talk   Talk
	Events []Event // the last of them, oldest first
}

func (s *Sighting) clone() Sighting {
	c := *s
	c.MAC = slices.Clone(s.MAC)
	c.Events = slices.Clone(s.Events)
	return c
}
