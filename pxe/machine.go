// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
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
}

// Find returns the machine that sent facts: the one with its MAC, else the only one without MACs that has its UUID,
// else the only one without MACs that has its serial number. The zero Machine means a stranger.
func Find(machines []Machine, facts Facts) Machine {
	for _, m := range machines {
		for _, mac := range m.MACs {
			if bytes.Equal(mac, facts.MAC) {
				return m
			}
		}
	}
	if m, ok := only(machines, func(m Machine) bool { return m.UUID != "" && strings.EqualFold(m.UUID, facts.UUID) }); ok {
		return m
	}
	m, _ := only(machines, func(m Machine) bool { return m.Serial != "" && m.Serial == facts.Serial })
	return m
}

// only returns the single machine without MACs that fits; two make neither.
func only(machines []Machine, fits func(Machine) bool) (Machine, bool) {
	var found Machine
	var count int
	for _, m := range machines {
		if len(m.MACs) == 0 && fits(m) {
			found = m
			count++
		}
	}
	if count != 1 {
		return Machine{}, false
	}
	return found, true
}

// serialOnly says whether some machine can be told by nothing but its serial number.
func serialOnly(machines []Machine) bool {
	for _, m := range machines {
		if len(m.MACs) == 0 && m.UUID == "" && m.Serial != "" {
			return true
		}
	}
	return false
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
