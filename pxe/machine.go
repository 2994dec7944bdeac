// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// DiskBoot is how an installed machine is sent to its disk.
type DiskBoot string

// The ways to the disk. The zero value lets firmware that fetched a UKI find nothing, and iPXE exit.
const (
	DiskBootExit     DiskBoot = "exit"     // iPXE gives the machine back to its firmware
	DiskBootSANBoot  DiskBoot = "sanboot"  // iPXE boots the first disk; BIOS only
	DiskBootNotFound DiskBoot = "notFound" // whatever it asks for is not there
)

// Machine is one machine of the site, as the operator named it.
type Machine struct {
	// Name is the node's name.
	Name string
	// MACs are the hardware addresses of its network cards. If there are any, the machine is known by them alone:
	// UUIDs are duplicated in the field, so a stranger with the right UUID and another card stays a stranger.
	MACs []net.HardwareAddr
	// Serial is the SMBIOS serial number; empty: not known. Firmware does not tell it over DHCP, iPXE does.
	Serial string
	// UUID is the SMBIOS UUID in the usual notation, in any case; empty: not known.
	UUID string
	// Arch is amd64 or arm64; empty: amd64.
	Arch string
	// Address is reserved for the machine in ModeServer. Zero: one of the pool.
	Address netip.Addr
	// Loader is the iPXE binary it is given by TFTP, by name. Empty: chosen by its firmware.
	Loader string
	// DiskBoot is how it is sent to its disk. Empty: see DiskBoot.
	DiskBoot DiskBoot
}

func (m Machine) arch() string { return cmp.Or(m.Arch, archAMD64) }

// differs says in what facts are not the machine's. What was not told, or is garbage, does not differ.
func (m Machine) differs(facts Facts) string {
	if m.UUID != "" && facts.UUID != "" && !m.hasUUID(facts.UUID) {
		return fmt.Sprintf("has the MAC of %s, but UUID %s where the site file has %s", m.Name, facts.UUID, m.UUID)
	}
	if m.Serial != "" && facts.Serial != "" && !m.hasSerial(facts.Serial) {
		return fmt.Sprintf("has the MAC of %s, but serial number %q where the site file has %q", m.Name, facts.Serial, m.Serial)
	}
	return ""
}

// hasUUID compares in any case and in both orders of bytes.
func (m Machine) hasUUID(text string) bool {
	return m.UUID != "" && text != "" && (strings.EqualFold(m.UUID, text) || strings.EqualFold(m.UUID, swapUUID(text)))
}

// hasSerial compares in any case: people type what stands on a label.
func (m Machine) hasSerial(text string) bool {
	return m.Serial != "" && strings.EqualFold(m.Serial, text)
}

// swapUUID gives the same bytes in the other order: firmware before SMBIOS 2.6 did not swap the first three fields.
//
//	11223344-5566-7788-99aa-bbccddeeff00 -> 44332211-6655-8877-99aa-bbccddeeff00
func swapUUID(text string) string {
	digits, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil {
		return text
	}
	return formatUUID(digits)
}

// formatUUID writes option 97's sixteen bytes as SMBIOS tools and Talos do: the first three fields are little-endian
// (SMBIOS 2.6, section 7.2.1; measured on SeaBIOS/iPXE and EDK2). All zeros and all ones, which boards without a UUID
// send, give "".
//
//	33221100-5544-7766-8899-aabbccddeeff <- 00112233445566778899aabbccddeeff
func formatUUID(guid []byte) string {
	if len(guid) != 16 || isFilled(guid, 0x00) || isFilled(guid, 0xff) {
		return ""
	}
	le := func(from, to int) string {
		var text strings.Builder
		for i := to - 1; i >= from; i-- {
			fmt.Fprintf(&text, "%02x", guid[i])
		}
		return text.String()
	}
	return strings.Join([]string{
		le(0, 4), le(4, 6), le(6, 8), hex.EncodeToString(guid[8:10]), hex.EncodeToString(guid[10:16]),
	}, "-")
}

// parseUUID reads the usual notation, as iPXE's ${uuid} prints it; "" for anything else and for garbage as above.
func parseUUID(text string) string {
	text = strings.ToLower(text)
	parts := strings.Split(text, "-")
	if len(text) != 36 || len(parts) != 5 {
		return ""
	}
	for i, length := range []int{8, 4, 4, 4, 12} {
		if len(parts[i]) != length {
			return ""
		}
	}
	digits, err := hex.DecodeString(strings.Join(parts, ""))
	if err != nil || isFilled(digits, 0x00) || isFilled(digits, 0xff) {
		return ""
	}
	return text
}

func isFilled(bytes []byte, with byte) bool {
	for _, b := range bytes {
		if b != with {
			return false
		}
	}
	return true
}
