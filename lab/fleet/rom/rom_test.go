// SPDX-License-Identifier: Apache-2.0

package rom_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

const bootScript = `#!ipxe
# as a netboot server writes it
set base /assets
isset ${net0/ip} || dhcp || goto failed
kernel --name vmlinuz ${base}/kernel-amd64 initrd=initramfs talos.platform=metal mac=${net0/mac:hexhyp} || goto failed
initrd --name initramfs ${base}/initramfs || goto failed
boot || goto failed
:failed
reboot
`

func sum(content []byte) string {
	s := sha256.Sum256(content)

	return hex.EncodeToString(s[:])
}

func fill(s *bootSite, script string) {
	s.files["undionly.kpxe"] = sitesim.Loader("undionly.kpxe")
	s.files["ipxe.efi"] = sitesim.Loader("ipxe.efi")
	s.files["/boot.ipxe"] = []byte(script)
	s.files["/assets/kernel-amd64"] = bytes.Repeat([]byte("kernel"), 100_000)
	s.files["/assets/initramfs"] = bytes.Repeat([]byte("initramfs"), 200_000)
}

func TestNetbootFetchesByteForByte(t *testing.T) {
	for i, tc := range []struct {
		name     string
		firmware rom.Firmware
		option43 []byte
		noFile   bool
		loader   string
		proxied  int // requests to port 4011
	}{
		{"BIOS with the file in the offer", rom.BIOS, []byte{6, 1, 8, 255}, false, "undionly.kpxe", 0},
		{"BIOS without option 43 asks port 4011", rom.BIOS, nil, false, "undionly.kpxe", 1},
		{"UEFI asks port 4011 although a file was offered", rom.UEFI, nil, false, "ipxe.efi", 1},
		{"UEFI with the file in the offer", rom.UEFI, []byte{6, 1, 8, 255}, false, "ipxe.efi", 0},
		{"nothing in the offers: firmware and iPXE both ask", rom.UEFI, nil, true, "ipxe.efi", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newBootSite(t, byte(100+i), func(s *bootSite) {
				s.option43, s.noFile = tc.option43, tc.noFile
				fill(s, bootScript)
			})

			machine := s.machine(tc.firmware)
			loaders := map[string]string{}
			machine.Report = func(event string, details map[string]string) {
				if event == "loader" {
					loaders[details["file"]] = details["sha256"]
				}
			}

			result, err := machine.Netboot(t.Context())
			require.NoError(t, err)
			require.False(t, result.FromDisk)
			require.Equal(t, map[string]string{tc.loader: sum(s.files[tc.loader])}, loaders)
			require.Equal(t, sum(s.files["/assets/kernel-amd64"]), result.Kernel.SHA256)
			require.Equal(t, int64(len(s.files["/assets/kernel-amd64"])), result.Kernel.Size)
			require.Len(t, result.Initrds, 1)
			require.Equal(t, sum(s.files["/assets/initramfs"]), result.Initrds[0].SHA256)
			require.Equal(t, []string{"initrd=initramfs", "talos.platform=metal", "mac=52-54-00-77-00-01"}, result.Args)
			require.Equal(t, []string{"/boot.ipxe", "/assets/kernel-amd64", "/assets/initramfs"}, s.requests)
			require.Len(t, s.proxied, tc.proxied)
		})
	}
}

func TestScriptsEndAsTheySay(t *testing.T) {
	for i, tc := range []struct {
		name, script, want string
		fromDisk           bool
	}{
		{name: "exit", script: "#!ipxe\nexit\n", fromDisk: true},
		{name: "sanboot", script: "#!ipxe\nsanboot --no-describe --drive 0x80\n", fromDisk: true},
		{name: "fallback", script: "#!ipxe\nkernel /missing || exit\n", fromDisk: true},
		{name: "question", script: "#!ipxe\niseq ${serial} S1 && exit || reboot\n", fromDisk: true},
		{name: "uuid", script: "#!ipxe\niseq ${uuid} 11223344-5566-0000-0000-000000000000 && exit ||\nreboot", fromDisk: true},
		{name: "chained script keeps settings", script: "#!ipxe\nset answer exit\nchain --autofree /next.ipxe\n", fromDisk: true},
		{name: "chain of a missing script", script: "#!ipxe\nchain /missing || exit\n", fromDisk: true},
		{name: "typo behind a fallback", script: "#!ipxe\nkernle /x || exit\n", want: `command "kernle": not known`},
		{name: "no fallback", script: "#!ipxe\nkernel /missing\n", want: "404 Not Found"},
		{name: "falls off its end", script: "#!ipxe\necho hello\n", want: "ends without boot or exit"},
		{name: "runs in circles", script: "#!ipxe\n:again\ngoto again\n", want: "not done after"},
		{name: "not a script", script: "<html>", want: "exec format error"},
		{name: "boots nothing", script: "#!ipxe\nboot\n", want: "no kernel was loaded"},
		{
			name:   "forgets the initrd argument on UEFI",
			script: "#!ipxe\nkernel /assets/kernel-amd64 talos.platform=metal\ninitrd /assets/initramfs\nboot\n",
			want:   "no argument initrd=initramfs",
		},
		{name: "HTTPS", script: "#!ipxe\nkernel https://127.0.0.1/x\n", want: "knows only http:// URLs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newBootSite(t, byte(120+i), func(s *bootSite) {
				fill(s, tc.script)
				s.files["/next.ipxe"] = []byte("#!ipxe\niseq ${answer} exit && exit\n")
			})

			result, err := s.machine(rom.UEFI).Netboot(t.Context())
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)

				return
			}

			require.NoError(t, err)
			require.Equal(t, rom.Result{FromDisk: tc.fromDisk}, result)
		})
	}
}

func TestLostPacketsAreSentAgain(t *testing.T) {
	s := newBootSite(t, 150, func(s *bootSite) {
		s.option43 = []byte{6, 1, 8, 255}
		fill(s, bootScript)
	})

	machine := s.machine(rom.UEFI)
	left := map[string]int{rom.DHCP: 3, rom.TFTP: 3, rom.TFTPSent: 3}
	machine.Drop = func(protocol string) bool {
		left[protocol]--

		return left[protocol] >= 0
	}

	_, err := machine.Netboot(t.Context())
	require.NoError(t, err)
	require.Negative(t, left[rom.DHCP])
	require.Negative(t, left[rom.TFTP])
	require.Negative(t, left[rom.TFTPSent])
}

func TestWithoutServersTheROMGivesUp(t *testing.T) {
	s := newBootSite(t, 151, func(*bootSite) {})
	machine := s.machine(rom.BIOS)
	machine.Drop = func(string) bool { return true }

	_, err := machine.Netboot(t.Context())
	require.ErrorContains(t, err, "PXE-E51")
}

func TestAScriptForeverLoadingItselfIsAnError(t *testing.T) {
	s := newBootSite(t, 152, func(s *bootSite) {
		fill(s, bootScript)
		s.script = "undionly.kpxe"
	})

	_, err := s.machine(rom.BIOS).Netboot(t.Context())
	require.ErrorContains(t, err, "instead of a script's URL")
}
