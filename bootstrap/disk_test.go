// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

func blank() *talos.Contents { return &talos.Contents{} }

func parts(labels ...string) *talos.Contents {
	c := &talos.Contents{Format: "gpt"}
	for i, label := range labels {
		c.Partitions = append(c.Partitions, talos.Partition{Index: uint(i + 1), Label: label, Size: 1e9})
	}
	return c
}

func TestNothingIsInstalledInAContainer(t *testing.T) {
	plan, err := planInstall(site.Node{Name: "w1", Disk: site.Disk{Serial: "a"}}, talos.Inventory{Container: true}, nil)
	require.NoError(t, err)
	require.Equal(t, installPlan{container: true}, plan)
}

func TestAnInstallationIsPlannedByWhatTheMachineTells(t *testing.T) {
	disk := func(serial string, contents *talos.Contents) talos.Disk {
		return talos.Disk{
			DevPath: "/dev/" + serial, Serial: serial, WWID: "naa." + serial, Transport: "sata", Size: 1e9, Contents: contents,
		}
	}
	data := &talos.Contents{Format: "ext4", Label: "photos"}
	interrupted := parts("EFI", "BIOS", "BOOT", "META")
	serial := func(wipe bool) site.Disk { return site.Disk{Serial: "a", Wipe: wipe} }
	ours := &talos.DiskSelector{WWID: "naa.a"}
	for name, test := range map[string]struct {
		choice    site.Disk
		contents  *talos.Contents
		system    string
		installed bool
		ours      *talos.DiskSelector
		refused   string // a part of the reason
		want      installPlan
	}{
		"blank":                        {choice: serial(false), contents: blank()},
		"an empty table":               {choice: serial(false), contents: parts()},
		"data":                         {choice: serial(false), contents: data, refused: `holds data: ext4 "photos"`},
		"data that may go":             {choice: serial(true), contents: data},
		"not told":                     {choice: serial(false), refused: "may hold data"},
		"not told, but all may go":     {choice: serial(true)},
		"data after a run of ours":     {choice: serial(false), contents: data, ours: ours, refused: "holds data"},
		"an earlier Talos":             {choice: serial(false), contents: interrupted, system: "/dev/a", installed: true, refused: "an earlier installation of Talos: partition 1 EFI"},
		"an earlier Talos that may go": {choice: serial(true), contents: interrupted, system: "/dev/a", installed: true, want: installPlan{erase: true}},
		"ours, interrupted":            {choice: serial(false), contents: interrupted, system: "/dev/a", installed: true, ours: ours, want: installPlan{erase: true}},
		"ours, with somebody's data":   {choice: serial(false), contents: parts("META", "photos"), system: "/dev/a", installed: true, ours: ours, refused: "photos"},
		"ours was another disk":        {choice: serial(false), contents: interrupted, system: "/dev/a", installed: true, ours: &talos.DiskSelector{WWID: "naa.b"}, refused: "earlier installation"},
		"wiped in this boot":           {choice: serial(false), contents: blank(), installed: true, want: installPlan{restart: true}},
		"Talos on another disk":        {choice: serial(true), contents: blank(), system: "/dev/b", installed: true, refused: "Talos is installed on /dev/b"},
		"by transport and size":        {choice: site.Disk{Transport: "sata", Size: "<= 1GB"}, contents: blank(), want: installPlan{selector: talos.DiskSelector{WWID: "naa.a"}}},
		"no such disk":                 {choice: site.Disk{Serial: "z"}, contents: blank(), refused: "no disk matches"},
	} {
		t.Run(name, func(t *testing.T) {
			other := disk("b", blank())
			other.Size = 2e9
			machine := talos.Inventory{
				Disks: []talos.Disk{disk("a", test.contents), other}, SystemDisk: test.system, Installed: test.installed,
			}
			plan, err := planInstall(site.Node{Name: "w1", Disk: test.choice}, machine, test.ours)
			if test.refused != "" {
				require.ErrorContains(t, err, test.refused)
				var hinting interface{ Hint() string }
				require.ErrorAs(t, err, &hinting)
				require.NotEmpty(t, hinting.Hint())
				return
			}
			require.NoError(t, err)
			want := test.want
			want.disk = machine.Disks[0]
			if want.selector == (talos.DiskSelector{}) {
				want.selector = talos.DiskSelector{Serial: "a"}
			}
			require.Equal(t, want, plan)
		})
	}
}

func TestAListOfWhatWouldBeLostIsBounded(t *testing.T) {
	labels := make([]string, 100)
	err := &DiskDataError{Node: "w1", Disk: talos.Disk{DevPath: "/dev/a", Contents: parts(labels...)}}
	require.ErrorContains(t, err, "and 68 more")
	require.Contains(t, err.Hint(), "cozy-install node show w1")
}

func TestTheConfigNamesTheDiskThatWasChosen(t *testing.T) {
	b := withSecrets(t, parseSite(t, "disk: {serial: D4}", "disk: {transport: sata, size: '>= 100GB'}"))
	w1 := b.site.Nodes[3]
	_, err := b.machineConfigs(b.site.Nodes, nil)
	var unchosen *UnchosenDiskError
	require.ErrorAs(t, err, &unchosen, "a config can't express a transport")
	require.Equal(t, "w1", unchosen.Node)
	require.NoError(t, b.generateConfigs().Run(t.Context(), func(string, ...any) {}), "all else is validated before a machine is seen")

	machine := talos.Inventory{Disks: []talos.Disk{
		{DevPath: "/dev/sda", Serial: "S", WWID: "naa.1", Size: 200e9, Transport: "sata", Contents: blank()},
		{DevPath: "/dev/nvme0n1", Serial: "N", WWID: "eui.1", Size: 200e9, Transport: "nvme", Contents: blank()},
	}}
	out, err := b.deliveries(t.Context(), []site.Node{w1}, map[string]sight{"w1": {inventory: machine}}, nil)
	require.NoError(t, err)
	require.True(t, out[0].isFit())
	configs, err := b.machineConfigs([]site.Node{w1}, nil)
	require.NoError(t, err)
	require.Contains(t, string(configs[0]), "wwid: naa.1")

	w1.Disk.Size = ">= 150GB"
	_, err = b.machineConfigs([]site.Node{w1}, nil)
	require.ErrorAs(t, err, &unchosen, "the choice was for another selector")
}
