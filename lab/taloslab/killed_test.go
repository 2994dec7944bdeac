// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAKilledRunIsCleanedUpByTheNext kills another process of these tests while its node runs.
func TestAKilledRunIsCleanedUpByTheNext(t *testing.T) {
	openLab(t) // builds what is missing, cleans up after others, and ends at the end of this test
	dirs := runDirs(t)

	other := exec.Command("/proc/self/exe", "-test.run=^TestRealNodeInMaintenance$", "-test.timeout=2m")
	other.Env = slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, moved+"=") })
	var said bytes.Buffer
	other.Stdout, other.Stderr = &said, &said
	other.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, other.Start())
	run := ""
	require.Eventually(t, func() bool {
		for _, dir := range runDirs(t) {
			if !slices.Contains(dirs, dir) && hasProcesses(t, dir) {
				run = dir
			}
		}
		return run != ""
	}, time.Minute, 10*time.Millisecond, "no node: %s", &said)
	require.NoError(t, other.Process.Kill())
	var killed *exec.ExitError
	require.ErrorAs(t, other.Wait(), &killed, "it was not killed: %s", &said)
	require.NotEmpty(t, cgroupsOf(t, run))

	again := exec.Command("/proc/self/exe", other.Args[1:]...)
	again.Env = other.Env
	out, err := again.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoDirExists(t, run)
	require.Empty(t, cgroupsOf(t, run))
}

func runDirs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("../../.cache/taloslab/run-*")
	require.NoError(t, err)
	return dirs
}

func hasProcesses(t *testing.T, run string) bool {
	t.Helper()
	return slices.ContainsFunc(cgroupsOf(t, run), func(dir string) bool {
		processes, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs")) // it may be gone
		return len(processes) > 0
	})
}

// cgroupsOf finds those of one run: other labs may run on this machine.
func cgroupsOf(t *testing.T, run string) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"/sys/fs/cgroup/cozy-taloslab-", "/sys/fs/cgroup/*/cozy-taloslab-"} {
		dirs, err := filepath.Glob(pattern + filepath.Base(run) + "-*")
		require.NoError(t, err)
		out = append(out, dirs...)
	}
	return out
}
