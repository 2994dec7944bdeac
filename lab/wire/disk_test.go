// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/pxe"
)

// journal writes down what an earlier bring-up did.
func (s *site) journal(change func(*workdir.Journal)) {
	s.t.Helper()

	dir, err := workdir.Open(filepath.Join(s.dir, ".cozy-install", "wire"))
	require.NoError(s.t, err)
	require.NoError(s.t, dir.UpdateJournal(s.t.Context(), change))
	require.NoError(s.t, dir.Close())
}

func TestInstalledMachinesOfEveryKindGoToTheirDiskUntilAReinstall(t *testing.T) {
	s := newSite(t, serverMode,
		`name: w0, mac: "52:54:00:77:01:00", address: 10.77.0.40, netboot: {diskBoot: sanboot}`,
		`name: w1, mac: "52:54:00:77:01:01", address: 10.77.0.41, netboot: {diskBoot: notFound}`,
		`name: w2, mac: "52:54:00:77:01:02", address: 10.77.0.42, netboot: {diskBoot: exit}`,
		`name: w3, mac: "52:54:00:77:01:03", address: 10.77.0.43, arch: arm64`,
		`name: w4, mac: "52:54:00:77:01:04", address: 10.77.0.44`,
	)
	s.journal(func(j *workdir.Journal) {
		j.Installed = map[string]bool{"cp1": true, "w0": true, "w1": true, "w2": true, "w3": true}
	})
	s.serve()

	machines := map[string]machine{
		"cp1": {mac: "52:54:00:77:00:01", firmware: rom.UEFIHTTP}, // finds no UKI
		"w0":  {mac: "52:54:00:77:01:00", firmware: rom.BIOS},
		"w1":  {mac: "52:54:00:77:01:01", firmware: rom.UEFI},
		"w2":  {mac: "52:54:00:77:01:02", firmware: rom.IPXEROM},
		"w3":  {mac: "52:54:00:77:01:03", firmware: rom.UEFIArm64}, // finds no UKI by TFTP
	}
	for name, m := range machines {
		got, err := s.boot(m)
		require.NoError(t, err, name)
		require.True(t, got.FromDisk, name)
		require.Contains(t, s.explain(name, "at disk since"), "is installed", name)
	}

	s.boots(machine{mac: "52:54:00:77:01:04", firmware: rom.BIOS}) // nothing was done to it

	for name := range machines {
		said := s.command("pxe", "reinstall", name)
		require.Zero(t, said.code, "%s", said.err)
		require.Contains(t, said.out, name+" boots Talos from the network when it netboots next")
	}

	time.Sleep(2 * time.Second) // the server looks at people's word each second

	for _, m := range machines {
		s.boots(m)
	}

	said := s.command("pxe", "reinstall", "w9")
	require.Equal(t, 1, said.code)
	require.Contains(t, said.err, `reinstall "w9": no node of the site file has this name`)
}

func TestAMachineThatWasGivenItsConfigBootsFromItsDiskOnce(t *testing.T) {
	s := newSite(t, serverMode)
	s.journal(func(j *workdir.Journal) { j.Applied = map[string]bool{"cp1": true} })
	s.serve()

	m := machine{mac: "52:54:00:77:00:01", firmware: rom.BIOS}
	got, err := s.boot(m)
	require.NoError(t, err)
	require.True(t, got.FromDisk)

	// It comes back, and stays before it has Talos: its disk has nothing to boot.
	m.drop, m.speed = silentByTFTP, 10
	_, err = s.boot(m)
	require.Error(t, err)
	notice := s.notice(pxe.CameBack, "cp1")
	require.Contains(t, notice.Text, "cp1 netboots again ")
	require.Contains(t, notice.Hint, "cozy-install pxe reinstall cp1")
	require.Regexp(t, `stuck at offered since .*, likely cause: cp1 netboots again \d+s after it was sent to its disk`, s.explain("cp1", "stuck at"))

	m.drop, m.speed = nil, 0
	s.boots(m)
	s.explain("cp1", "at initramfs since")
}
