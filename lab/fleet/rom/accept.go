// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Dialect is a way in which a ProxyDHCP server names the boot file. Firmware of all sorts is out there; none takes all.
type Dialect string

// The dialects. A server that is not understood with one has to try the next.
const (
	// AnyDialect is firmware that knows the first two, as SeaBIOS's and EDK2's does.
	AnyDialect Dialect = ""
	// DiscoveryControl has the file in the offer, and option 43 with bit 3 of discovery control: "do not look further".
	DiscoveryControl Dialect = "discovery-control"
	// BootServer has no option 43: the client takes the file from what port 4011 acknowledges.
	BootServer Dialect = "boot-server"
	// HeaderOnly has the file in the BOOTP header and no option 60, as U-Boot and GRUB want it.
	HeaderOnly Dialect = "header-only"
)

// Known tells whether the dialect is one of the simulated.
func (d Dialect) Known() bool {
	return d == AnyDialect || d == DiscoveryControl || d == BootServer || d == HeaderOnly
}

// fits tells whether an offer is in the dialect.
func (d Dialect) fits(offer *dhcpv4.DHCPv4) bool {
	isPXE := offer.ClassIdentifier() == "PXEClient"
	_, err := readBootInfo(offer)

	switch d {
	case DiscoveryControl:
		return isPXE && err == nil && usesThisFile(offer)
	case BootServer:
		return isPXE && !offer.Options.Has(dhcpv4.OptionVendorSpecificInformation)
	case HeaderOnly:
		return offer.ClassIdentifier() == "" && offer.BootFileName != "" && err == nil
	default:
		return isPXE
	}
}

func usesThisFile(offer *dhcpv4.DHCPv4) bool {
	return pxeSubOption(offer, pxeDiscoveryControl)&pxeUseThisFile != 0
}

// likes tells whether an answer has something to boot for this stage. Only PXE has dialects: HTTP boot wants its own
// class echoed and a URL, and iPXE understands all that names PXEClient.
func (s *session) likes(answer *dhcpv4.DHCPv4) bool {
	switch {
	case s.ipxe:
		return AnyDialect.fits(answer)
	case s.Machine.Firmware.byHTTP():
		return answer.ClassIdentifier() == "HTTPClient" && bootInfo{file: fileName(answer)}.isURL()
	default:
		return s.Accepts.fits(answer)
	}
}

// bootInfo is where the file to load is.
type bootInfo struct {
	file   string
	server netip.Addr // of TFTP; HTTP boot does without
}

// isURL tells a file for HTTP from one for TFTP.
func (b bootInfo) isURL() bool { return strings.HasPrefix(b.file, "http://") }

// isUKI tells a Talos image that firmware starts by itself, as metal-amd64-uki.efi or metal-arm64-secureboot-uki.efi.
func (b bootInfo) isUKI() bool { return strings.HasSuffix(b.base(), "-uki.efi") }

// base is the file's name without directories: "http://h/52-54-00-77-00-01/snponly.efi" -> snponly.efi.
func (b bootInfo) base() string {
	if at, err := url.Parse(b.file); err == nil {
		return path.Base(at.Path)
	}

	return path.Base(b.file)
}

// url names the file wherever it is.
func (b bootInfo) url() string {
	if b.isURL() {
		return b.file
	}

	return "tftp://" + b.server.String() + "/" + strings.TrimPrefix(b.file, "/")
}

// fileName takes the file from option 67 or else from the header.
func fileName(packet *dhcpv4.DHCPv4) string {
	if file := strings.TrimRight(packet.BootFileNameOption(), "\x00"); file != "" {
		return file
	}

	return packet.BootFileName
}

// readBootInfo takes the server from siaddr alone: iPXE and many ROMs treat an answer without siaddr as one without a
// boot file.
func readBootInfo(packet *dhcpv4.DHCPv4) (bootInfo, error) {
	file := fileName(packet)

	server, ok := netip.AddrFromSlice(packet.ServerIPAddr.To4())
	if file == "" || !ok || server.IsUnspecified() {
		return bootInfo{}, fmt.Errorf("%w: file %q at next-server %s in the answer of %s",
			ErrNoBootFile, file, packet.ServerIPAddr, packet.ServerIdentifier())
	}

	return bootInfo{file: file, server: server}, nil
}
