// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAnApprovalReachesTheProgramThatHoldsTheLock(t *testing.T) {
	d := open(t)
	none, err := d.Approvals()
	require.NoError(t, err)
	require.Empty(t, none)

	cp1 := Approval{Kind: ApproveNode, Name: "cp1", Value: "AAAA="}
	machine := Approval{Kind: ApproveMachine, Name: "52:54:00:12:34:56"}
	require.NoError(t, Approve(d.Path(""), cp1))
	require.NoError(t, Approve(d.Path(""), machine))
	got, err := d.Approvals()
	require.NoError(t, err)
	require.Equal(t, []Approval{machine, cp1}, got)

	cp1.Value = "BBBB="
	require.NoError(t, Approve(d.Path(""), cp1))
	got, err = d.Approvals()
	require.NoError(t, err)
	require.Equal(t, []Approval{machine, cp1}, got, "the last one holds")

	for name, want := range map[string]fs.FileMode{"": 0o700, "node.cp1": 0o600} {
		info, err := os.Stat(filepath.Join(d.Path(ApprovalsDir), name))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm())
	}
}

func TestAnApprovalWhereNobodyWouldLookIsRefused(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	var noDir *NoWorkDirError
	require.ErrorAs(t, Approve(none, Approval{Kind: ApproveNode, Name: "cp1"}), &noDir)
	require.NoDirExists(t, none)
}

func TestApprovalsStayInTheirDirectory(t *testing.T) {
	d := open(t)
	for _, a := range []Approval{
		{Kind: "", Name: "cp1"},
		{Kind: "node.x", Name: "cp1"},
		{Kind: "../node", Name: "cp1"},
		{Kind: ApproveNode, Name: ""},
		{Kind: ApproveNode, Name: "../../cp1"},
		{Kind: ApproveNode, Name: "/etc"},
		{Kind: ApproveNode, Name: "..", Value: "x"},
		{Kind: ApproveNode, Name: "cp1\n"},
		{Kind: ApproveNode, Name: strings.Repeat("a", 129)},
		{Kind: ApproveNode, Name: "cp1", Value: strings.Repeat("a", 257)},
		{Kind: ApproveNode, Name: "cp1", Value: "a\nb"},
	} {
		var bad *BadApprovalError
		require.ErrorAs(t, Approve(d.Path(""), a), &bad, "%q", a)
	}
	require.NoDirExists(t, d.Path(ApprovalsDir))
}

func TestAFileThatIsNoApprovalDoesNotHideTheOthers(t *testing.T) {
	d := open(t)
	good := Approval{Kind: ApproveNode, Name: "cp1", Value: "AAAA="}
	require.NoError(t, Approve(d.Path(""), good))
	dir := d.Path(ApprovalsDir)
	for name, content := range map[string]string{
		"node.cp2":    `{"kind": "node", "name": "cp3", "value": "AAAA="}`, // another's
		"node.cp4":    `{"kind": "node", "name": "cp4", "valeu": "AAAA="}`,
		"node.cp5":    `{"kind": "node", "name": "cp5", "value": "` + strings.Repeat(" ", 8<<10) + `"}`,
		"node.cp6":    "",
		".node.cp723": "half", // somebody is writing it: neither an approval nor an error
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	secret := filepath.Join(t.TempDir(), "node.cp8")
	require.NoError(t, os.WriteFile(secret, []byte(`{"kind": "node", "name": "cp8"}`), 0o600))
	require.NoError(t, os.Symlink(secret, filepath.Join(dir, "node.cp8")))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "node.cp9"), 0o600))

	got, err := d.Approvals()
	require.Equal(t, []Approval{good}, got)
	for _, name := range []string{"node.cp2", "node.cp4", "node.cp5", "node.cp6", "node.cp8", "node.cp9"} {
		require.ErrorContains(t, err, name)
	}
	require.NotContains(t, err.Error(), "cp7")
}

// What is accepted would be written again under the very name it was read from.
func FuzzApprovalFiles(f *testing.F) {
	f.Add("node.cp1", []byte(`{"kind": "node", "name": "cp1", "value": "AAAA="}`))
	f.Add("machine.52:54:00:12:34:56", []byte(`{"kind": "machine", "name": "52:54:00:12:34:56"}`))
	f.Add("node...", []byte(`{"kind": "node", "name": ".."}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		a, err := parseApproval(name, data)
		if err != nil {
			return
		}
		if a.check() != nil || a.file() != name || strings.ContainsAny(name, "/\x00") {
			t.Fatalf("%q: accepted as %+v", name, a)
		}
	})
}
