// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// Source is where a machine asked.
type Source uint8

// The places a machine asks at while it boots, in this order.
const (
	FromDHCP   Source = iota + 1 // a packet on the DHCP port
	FromBoot                     // a packet on the boot service port, 4011
	FromScript                   // iPXE fetching its script over HTTP
)

// Facts are what a machine says of itself in one packet or request. All of it is only claimed.
type Facts struct {
	Source  Source
	Message dhcp.Message     // zero for FromScript
	MAC     net.HardwareAddr // six bytes
	UUID    string           // in the usual notation, lower case; "" when absent or garbage
	Serial  string           // FromScript only; "" when not told
	// SerialAsked is true when iPXE was sent for the serial number, whatever it brought.
	SerialAsked bool
	Class       string   // DHCP option 60: PXEClient:Arch:..., or bare PXEClient from iPXE that another loader started
	UserClasses []string // DHCP option 77
	Archs       []uint16 // DHCP option 93
}

// netboots says whether this is a machine that boots from the network, or just anybody who wants an address.
func (f Facts) netboots() bool {
	return f.Source == FromScript || strings.HasPrefix(f.Class, "PXEClient") || strings.HasPrefix(f.Class, "HTTPClient")
}

// Policy is what holds for a machine when it asks.
type Policy struct {
	// AcceptUnknown boots strangers too.
	AcceptUnknown bool
	// AskSerial leads strangers as far as iPXE, which can tell the serial number: set when some machine of the site is
	// known by nothing else.
	AskSerial bool
	// FromDisk: the machine was installed and boots from its disk.
	FromDisk bool
	// BIOS and UEFI are the names of the iPXE binaries on the TFTP server.
	BIOS, UEFI string
	// Script is the URL of the boot script, without a query.
	Script url.URL
}

// Action is what is done about a request.
type Action string

// The actions.
const (
	Ignore    Action = "ignored"
	Load      Action = "loader"       // DHCP: fetch iPXE by TFTP
	Script    Action = "script"       // DHCP: fetch the script by HTTP
	AskSerial Action = "serial asked" // script: come back with the serial number
	BootTalos Action = "talos"        // script: kernel and initramfs
	BootDisk  Action = "disk"         // script: leave iPXE, so that the firmware boots the disk
)

// Answer is a decision with its reason, in words for the boot history.
type Answer struct {
	Action Action
	Reason string
	// File is the name or URL to advertise over DHCP, for Load and Script.
	File string
	// SkipDiscovery: see dhcp.DiscoveryControl.
	SkipDiscovery bool
}

// Decide says what to answer. It is pure, and is asked several times while a machine boots. The zero Machine is a
// stranger.
func Decide(m Machine, f Facts, p Policy) Answer {
	if f.Source != FromScript {
		if reason := refusePacket(f); reason != "" {
			return ignore("%s", reason)
		}
	}
	if m.Name == "" && !p.AcceptUnknown && (!p.AskSerial || f.SerialAsked) {
		return ignore("not a machine of the site")
	}
	if f.Source == FromScript {
		return decideScript(m, p)
	}
	return decideLoader(f, p)
}

// refusePacket says why a packet is not for a ProxyDHCP server; "" when it is.
func refusePacket(f Facts) string {
	switch {
	case strings.HasPrefix(f.Class, "HTTPClient"):
		return "UEFI HTTP boot is not served yet"
	case !f.netboots():
		return "not a netboot client"
	case f.Source == FromDHCP && f.Message != dhcp.Discover:
		return fmt.Sprintf("%s on the DHCP port is for the DHCP server", f.Message)
	case f.Source == FromBoot && f.Message != dhcp.Ask:
		return fmt.Sprintf("%s on the boot service port", f.Message)
	}
	return ""
}

func decideScript(m Machine, p Policy) Answer {
	switch {
	case p.FromDisk:
		return Answer{Action: BootDisk, Reason: "is installed"}
	case m.Name == "" && !p.AcceptUnknown:
		return Answer{Action: AskSerial, Reason: "may be known by its serial number"}
	case m.Name == "":
		return Answer{Action: BootTalos, Reason: "strangers are accepted"}
	default:
		return Answer{Action: BootTalos, Reason: "is a machine of the site"}
	}
}

func decideLoader(f Facts, p Policy) Answer {
	firmware, ok := firmwareOf(f.Archs)
	if !ok {
		return ignore("architecture %v is not served yet", f.Archs)
	}
	answer := Answer{SkipDiscovery: firmware == bios}
	switch {
	case slices.Contains(f.UserClasses, "iPXE"):
		answer.Action, answer.File, answer.Reason = Script, scriptURL(p.Script, f), "iPXE runs"
	case firmware == bios:
		answer.Action, answer.File, answer.Reason = Load, p.BIOS, "BIOS firmware"
	default:
		answer.Action, answer.File, answer.Reason = Load, p.UEFI, "UEFI firmware"
	}
	return answer
}

func ignore(format string, args ...any) Answer {
	return Answer{Action: Ignore, Reason: fmt.Sprintf(format, args...)}
}

type firmware uint8

const (
	bios firmware = iota + 1
	uefi
)

// firmwareOf reads the architecture list (IANA "Processor Architecture Types"): the first one we can boot counts.
func firmwareOf(archs []uint16) (firmware, bool) {
	for _, arch := range archs {
		switch arch {
		case 0: // x86 BIOS
			return bios, true
		case 7, 9: // x86-64 UEFI; 9 is EFI byte code by the list, and what some x86-64 firmware says
			return uefi, true
		}
	}
	return 0, false
}

// scriptURL adds what the machine said, so that the answer needs no memory of it: the server may have been restarted
// between the two requests.
func scriptURL(base url.URL, f Facts) string {
	base.RawQuery = scriptQuery(f)
	return base.String()
}

// scriptQuery is the query by which a machine's script request is told from others.
func scriptQuery(f Facts) string {
	query := "mac=" + f.MAC.String()
	if f.UUID != "" {
		query += "&uuid=" + f.UUID
	}
	return query
}
