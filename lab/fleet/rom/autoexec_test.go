// SPDX-License-Identifier: Apache-2.0

package rom_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

func TestIPXEOf2025LooksForAutoexecBesideItself(t *testing.T) {
	const script = "#!ipxe\nisset ${net0/ip} || reboot\nchain WEB/boot.ipxe\n"

	for i, tc := range []struct {
		name             string
		firmware         rom.Firmware
		loader, autoexec string // where they are
		content          string
		found            string
		want             string
	}{
		{name: "by TFTP", firmware: rom.UEFI, loader: dir + "ipxe.efi", autoexec: dir + "autoexec.ipxe", content: script, found: "true"},
		{name: "by TFTP, not there", firmware: rom.UEFI, loader: dir + "ipxe.efi", found: "false"},
		{name: "by TFTP, elsewhere", firmware: rom.UEFI, loader: dir + "ipxe.efi", autoexec: "autoexec.ipxe", found: "false"},
		{name: "by TFTP, empty", firmware: rom.UEFIArm64, loader: "ipxe.efi", autoexec: "autoexec.ipxe", found: "true"},
		{
			name: "by HTTP", firmware: rom.UEFIHTTP, loader: "WEB/" + dir + "ipxe.efi", autoexec: "/" + dir + "autoexec.ipxe",
			content: script, found: "true",
		},
		{name: "by HTTP, not there", firmware: rom.UEFIArm64HTTP, loader: "WEB/" + dir + "ipxe.efi", found: "false"},
		{
			name: "not a script", firmware: rom.UEFI, loader: "ipxe.efi", autoexec: "autoexec.ipxe", content: "MZ",
			found: "true", want: "exec format error",
		},
		{name: "BIOS does not", firmware: rom.BIOS, loader: "undionly.kpxe", autoexec: "autoexec.ipxe", content: script},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newBootSite(t, byte(225+i), func(s *bootSite) {
				s.loader = tc.loader
				fill(s, bootScript)
			})
			for _, file := range []string{dir + "ipxe.efi", "/" + dir + "ipxe.efi"} {
				s.files[file] = sitesim.Loader("ipxe.efi")
			}

			if tc.autoexec != "" {
				s.files[tc.autoexec] = []byte(web(s, tc.content))
			}

			found := ""
			machine := s.machine(tc.firmware)
			machine.IPXE = rom.IPXE2025
			machine.Report = func(event string, details map[string]string) {
				if event == "autoexec" {
					found = details["found"]
				}
			}

			result, err := machine.Netboot(t.Context())
			require.Equal(t, tc.found, found)

			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)

				return
			}

			require.NoError(t, err)
			require.Equal(t, sum(s.files["/assets/kernel-amd64"]), result.Kernel.SHA256)

			discovers := 2
			if tc.content != "" && tc.firmware != rom.BIOS {
				discovers = 1 // the firmware's address is still there
			}

			require.Len(t, s.asked, discovers)
		})
	}
}

func TestAKernelNeedsNoInitrdArgumentOnIPXEOf2025(t *testing.T) {
	s := newBootSite(t, 234, func(s *bootSite) {
		fill(s, "#!ipxe\nkernel /assets/kernel-amd64 talos.platform=metal\ninitrd /assets/initramfs\nboot\n")
	})

	machine := s.machine(rom.UEFI)
	machine.IPXE = rom.IPXE2025

	result, err := machine.Netboot(t.Context())
	require.NoError(t, err)
	require.Len(t, result.Initrds, 1)
}
