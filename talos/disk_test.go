// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

var (
	sda  = talos.Disk{DevPath: "/dev/sda", Size: 240e9, Model: "SAMSUNG MZ7", Serial: "S1", WWID: "naa.1", Transport: "sata", BusPath: "/pci/ata1"}
	sdb  = talos.Disk{DevPath: "/dev/sdb", Size: 960e9, Model: "SAMSUNG MZ7", Serial: "S2", WWID: "naa.2", Transport: "sata", BusPath: "/pci/ata2"}
	nvme = talos.Disk{DevPath: "/dev/nvme0n1", Size: 960e9, Model: "INTEL P4510", Serial: "P1", WWID: "eui.1", Transport: "nvme", BusPath: "/pci/nvme"}
	vda  = talos.Disk{DevPath: "/dev/vda", Size: 20e9, Transport: "virtio", BusPath: "/pci/virtio3"}
	cd   = talos.Disk{DevPath: "/dev/sr0", Size: 1e9, Model: "DVD", Transport: "sata", CDROM: true}
	lock = talos.Disk{DevPath: "/dev/sdc", Size: 1e9, Serial: "RO", Transport: "usb", Readonly: true}
	dm   = talos.Disk{DevPath: "/dev/dm-0", Size: 240e9, Serial: "DM"}
)

func TestPickFindsTheOneDiskTalosWouldInstallTo(t *testing.T) {
	all := []talos.Disk{sda, sdb, nvme, vda, cd, lock, dm}

	for name, test := range map[string]struct {
		selector talos.DiskSelector
		want     talos.Disk
		matching int // when not one
	}{
		"serial":                   {selector: talos.DiskSelector{Serial: "S2"}, want: sdb},
		"wwid":                     {selector: talos.DiskSelector{WWID: "naa.1"}, want: sda},
		"model glob and size":      {selector: talos.DiskSelector{Model: "SAMSUNG*", Size: "< 500GB"}, want: sda},
		"transport in a config":    {selector: talos.DiskSelector{Transport: "nvme"}, want: nvme},
		"transport by us":          {selector: talos.DiskSelector{Transport: "virtio"}, want: vda},
		"bus path glob":            {selector: talos.DiskSelector{BusPath: "/pci/virtio*"}, want: vda},
		"two of a model":           {selector: talos.DiskSelector{Model: "SAMSUNG*"}, matching: 2},
		"no such serial":           {selector: talos.DiskSelector{Serial: "S9"}},
		"never a CD-ROM":           {selector: talos.DiskSelector{Model: "DVD"}},
		"never a read-only disk":   {selector: talos.DiskSelector{Serial: "RO"}},
		"never a mapped device":    {selector: talos.DiskSelector{Serial: "DM"}},
		"transport and wrong name": {selector: talos.DiskSelector{Transport: "virtio", Serial: "S1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.selector.Pick(all)
			if test.want != (talos.Disk{}) {
				require.NoError(t, err)
				require.Equal(t, test.want, got)

				return
			}

			var disk *talos.DiskError
			require.ErrorAs(t, err, &disk)
			require.Len(t, disk.Matching, test.matching)
			require.NotEmpty(t, disk.Hint())
			require.ErrorContains(t, err, "/dev/sda", "the message must list what there is")
		})
	}

	_, err := talos.DiskSelector{Size: "huge"}.Pick(all)
	require.ErrorContains(t, err, `size "huge"`)
}

func TestASelectorOfADiskPicksItAgain(t *testing.T) {
	for _, disk := range []talos.Disk{sda, nvme, vda} {
		got, err := disk.Selector().Pick([]talos.Disk{sda, sdb, nvme, vda})
		require.NoError(t, err)
		require.Equal(t, disk, got)
	}

	node := testNode(talos.Worker)
	node.Disk = vda.Selector()
	require.Contains(t, string(mustBytes(t, node)), "busPath: /pci/virtio3")
}

func mustBytes(t *testing.T, node talos.Node) []byte {
	t.Helper()

	data, err := talos.Generate(testCluster(), testSecrets(t), node)
	require.NoError(t, err)

	return data
}
