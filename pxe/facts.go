// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"strings"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// Source is where a machine asked.
type Source uint8

// The places a machine asks at while it boots, in this order.
const (
	FromDHCP   Source = iota + 1 // a packet on the DHCP port
	FromBoot                     // a packet on the boot service port, 4011
	FromFile                     // a file by TFTP or HTTP whose name has the machine's hardware address in front
	FromScript                   // iPXE fetching its script over HTTP
)

// Facts are what a machine says of itself in one packet or request. All of it is only claimed.
type Facts struct {
	Source  Source
	Message dhcp.Message     // zero for FromFile and FromScript
	MAC     net.HardwareAddr // six bytes
	UUID    string           // in the usual notation, lower case; "" when absent or garbage
	Serial  string           // FromScript only; "" when not told
	// SerialAsked is true when iPXE was sent for the serial number, whatever it brought.
	SerialAsked bool
	Arch        string         // FromScript only: amd64 or arm64, as DHCP had it; "" when not told
	File        string         // FromFile only: the bare name
	Class       string         // DHCP option 60: PXEClient:Arch:..., or bare PXEClient from iPXE that another loader started
	UserClasses []string       // DHCP option 77
	Archs       []uint16       // DHCP option 93
	IPXE        *dhcp.Features // DHCP option 175; nil: it is not iPXE, or does not say what it can do
}

// netboots says whether this is a machine that boots from the network, or just anybody who wants an address.
func (f Facts) netboots() bool {
	return f.Source == FromScript || f.Source == FromFile || strings.HasPrefix(f.Class, classPXE) || f.wantsURL()
}

// wantsURL says whether this is firmware that boots by HTTP.
func (f Facts) wantsURL() bool { return strings.HasPrefix(f.Class, classHTTP) }

const (
	classPXE  = "PXEClient"
	classHTTP = "HTTPClient"
)
