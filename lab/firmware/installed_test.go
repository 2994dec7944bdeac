// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/firmware"
	"github.com/cozystack/cozy-install/lab/firmware/marker"
)

// A machine that is installed asks the network first, as it always does, and starts its disk all the same.
func TestAnInstalledBIOSMachineStartsItsDisk(t *testing.T) {
	need(t, "amd64")
	for way, says := range map[string]string{
		site.DiskBootExit:     "Booting from Hard Disk",  // SeaBIOS
		site.DiskBootSANBoot:  "Booting from SAN device", // iPXE
		site.DiskBootNotFound: "Booting from Hard Disk",
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{
				mode: proxy, ipxe: firmware.IPXE2019, installed: true, node: "    netboot: {diskBoot: " + way + "}\n",
			})
			disk, err := firmware.WriteBIOSDisk(t.TempDir())
			require.NoError(t, err)
			m := firmware.Machine{Firmware: firmware.BIOS, Disk: disk}
			running := s.powerOn(t, m)
			await(t, running, marker.Disk)
			require.Contains(t, running.Text(), says)
			s.requireAsked(t, running, "GET", "boot.ipxe")
		})
	}
}

func TestAnInstalledUEFIMachineStartsItsDisk(t *testing.T) {
	need(t, "amd64")
	for name, one := range map[string]struct {
		way   string
		http  bool
		asked []string
	}{
		"through iPXE, which ends": {way: site.DiskBootExit, asked: []string{"GET", "boot.ipxe"}},
		"by HTTP boot of nothing":  {way: site.DiskBootNotFound, http: true, asked: []string{"HEAD", "metal-amd64-uki.efi"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, setting{
				mode: proxy, ipxe: firmware.IPXE2025, installed: true, node: "    netboot: {diskBoot: " + one.way + "}\n",
			})
			disk, err := s.files.WriteUEFIDisk(t.TempDir(), cache, "amd64")
			require.NoError(t, err)
			running := s.boots(t, firmware.Machine{Firmware: firmware.UEFI, HTTPBoot: one.http, Disk: disk}, firmware.PathDisk)
			s.requireAsked(t, running, one.asked[0], one.asked[1])
		})
	}
}
