// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"fmt"
	"net"
)

// settings are iPXE's variables that scripts use, by their full names and their short ones.
func (s *session) settings(boot bootInfo) map[string]string {
	mac, arch, platform := s.Port.MAC().String(), "i386", "pcbios"
	if s.Machine.Firmware.isEFI() {
		arch, platform = "x86_64", "efi"
	}

	if s.Machine.Firmware.isArm64() {
		arch = "arm64"
	}

	vars := map[string]string{
		"buildarch": arch, "platform": platform, "serial": s.Machine.Serial, "uuid": s.Machine.uuid(),
		"filename": boot.file, "version": "1.0.0+ (simulated)",
	}

	if boot.server.IsValid() {
		vars["next-server"] = boot.server.String()
	}

	for _, prefix := range []string{"", "net0/"} {
		vars[prefix+"mac"] = mac
		vars[prefix+"ip"] = s.address.Addr().String()
		vars[prefix+"netmask"] = net.IP(net.CIDRMask(s.address.Bits(), 32)).String()
	}

	return vars
}

// uuid is the SMBIOS identifier as iPXE prints it: the first three fields are little-endian in option 97 and in memory.
func (m Machine) uuid() string {
	u := m.UUID

	return fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x",
		u[3], u[2], u[1], u[0], u[5], u[4], u[7], u[6], u[8:10], u[10:])
}
