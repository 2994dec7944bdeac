// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

func TestWordOfPeopleReachesARunningServer(t *testing.T) {
	path := t.TempDir()
	dir, err := workdir.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })

	var said bytes.Buffer
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	w := &word{dir: dir, log: slog.New(slog.NewTextHandler(&said, nil)), now: func() time.Time { return now }}
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	require.False(t, w.lets(mac))
	require.False(t, w.reinstalls("node1"))

	require.NoError(t, workdir.Approve(path, workdir.Approval{Kind: workdir.ApproveMachine, Name: mac.String()}))
	require.NoError(t, workdir.Approve(path, workdir.Approval{Kind: workdir.ApproveReinstall, Name: "node1"}))
	require.True(t, w.lets(mac), "the directory shows that something was said")
	require.True(t, w.reinstalls("node1"))
	require.False(t, w.reinstalls("node2"))
	require.False(t, w.lets(net.HardwareAddr{2, 0, 0, 0, 0, 2}))
	require.Empty(t, said.String())

	require.NoError(t, os.WriteFile(filepath.Join(path, workdir.ApprovalsDir, "rubbish"), []byte("{"), 0o600))
	require.NoError(t, workdir.Withdraw(path, workdir.ApproveReinstall, "node1"))
	now = now.Add(wordAge)
	require.True(t, w.lets(mac), "one broken file does not hide the others")
	require.False(t, w.reinstalls("node1"), "it was taken back")
	require.Contains(t, said.String(), "not all approvals can be read")
}
