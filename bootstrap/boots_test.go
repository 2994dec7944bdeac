// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/pxe"
)

// recorded is a work directory in which a netboot server has seen a node and a stranger, long ago.
func recorded(t *testing.T) (Options, *bringup) {
	t.Helper()
	path := t.TempDir()
	dir, err := workdir.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	o := Options{Site: parseSite(t, "name: cp1", "name: cp1"), WorkDir: path}
	b, err := newBringup(o, dir)
	require.NoError(t, err)
	long := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	require.NoError(t, b.keepNetboot(t.Context(), pxe.Record{
		Written: long, Mode: pxe.ModeProxy, Interfaces: []string{"eth0"},
		Boots: []pxe.Boot{
			{Node: "cp1", MAC: "52:54:00:00:00:01", Stage: pxe.StageLoader, Since: long, LastSeen: long},
			{Node: "cp1", MAC: "52:54:00:00:00:11", Stage: pxe.StageUKI, Since: long, LastSeen: long},
			{Code: "ABC234", MAC: "52:54:00:00:00:99", Stage: pxe.StageSeen, Since: long, LastSeen: long},
		},
	}))
	return o, b
}

func TestNetbootIsLookedAtFromTheOutside(t *testing.T) {
	nothing, err := LookAtNetboot(Options{WorkDir: t.TempDir()})
	require.NoError(t, err)
	require.True(t, nothing.Written.IsZero())
	require.NotNil(t, nothing.Boots, "in JSON it is a list")
	require.NotNil(t, nothing.Notices)

	o, b := recorded(t)
	status, err := LookAtNetboot(o)
	require.NoError(t, err)
	require.True(t, status.Running)
	require.True(t, status.Boots[0].Diagnosis.Stuck, "by the clock")

	require.NoError(t, b.dir.Close())
	status, err = LookAtNetboot(o)
	require.NoError(t, err)
	require.False(t, status.Running)
	require.False(t, status.Boots[0].Diagnosis.Stuck, "it was not when the server ended")

	record := b.dir.Path(workdir.NetbootFile)
	require.NoError(t, os.WriteFile(record, []byte(`{"written": 7}`), 0o600))
	_, err = LookAtNetboot(o)
	var broken *BrokenRecordError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, record, broken.Path)
	require.Contains(t, broken.Hint(), "it may be removed")
}

func TestMachinesAreFoundByAllTheirNames(t *testing.T) {
	o, _ := recorded(t)
	status, err := LookAtNetboot(o)
	require.NoError(t, err)
	for name, macs := range map[string][]string{
		"cp1":               {"52:54:00:00:00:01", "52:54:00:00:00:11"},
		"52-54-00-00-00-11": {"52:54:00:00:00:11"},
		" abc234 ":          {"52:54:00:00:00:99"},
	} {
		found, err := status.Find(name)
		require.NoError(t, err, name)
		got := make([]string, 0, len(found))
		for _, b := range found {
			got = append(got, b.MAC)
		}
		require.Equal(t, macs, got, name)
	}
	for _, name := range []string{"", " ", "cp2", "ABC", "52:54:00:00:00:02"} {
		_, err := status.Find(name)
		var unknown *UnknownMachineError
		require.ErrorAs(t, err, &unknown, "%q", name)
	}
}

func TestOnlyStrangersAreApproved(t *testing.T) {
	o, b := recorded(t)
	got, err := ApproveMachine(o, "abc234", false)
	require.NoError(t, err)
	require.Equal(t, "52:54:00:00:00:99", got.MAC)
	_, err = ApproveMachine(o, "cp1", false)
	require.ErrorContains(t, err, "it is cp1 of the site file, which needs no approval")
	_, err = ApproveMachine(o, "../../etc", false)
	var unknown *UnknownMachineError
	require.ErrorAs(t, err, &unknown)

	require.NoError(t, Reinstall(o, "cp2", false))
	require.ErrorContains(t, Reinstall(o, "cp9", false), `reinstall "cp9": no node of the site file has this name`)
	list, err := b.dir.Approvals()
	require.NoError(t, err)
	require.Equal(t, []workdir.Approval{
		{Kind: workdir.ApproveMachine, Name: "52:54:00:00:00:99"}, {Kind: workdir.ApproveReinstall, Name: "cp2"},
	}, list)

	o.WorkDir = filepath.Join(o.WorkDir, "elsewhere")
	var nowhere *workdir.NoWorkDirError
	require.ErrorAs(t, Reinstall(o, "cp2", false), &nowhere)
}
