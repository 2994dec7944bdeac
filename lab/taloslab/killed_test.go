// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"bytes"
	"errors"
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
	dirs, groups, limit := runDirs(t), cgroupsOfRuns(t), setting(t, "fs/inotify/max_user_instances")

	other := exec.Command("/proc/self/exe", "-test.run=^TestRealNodeInMaintenance$", "-test.timeout=2m")
	other.Env = slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, moved+"=") })
	var said bytes.Buffer
	other.Stdout, other.Stderr = &said, &said
	other.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, other.Start())
	require.Eventually(t, func() bool { return len(cgroupsOfRuns(t)) > len(groups) }, time.Minute, time.Millisecond, "no node: %s", &said)
	require.NoError(t, other.Process.Kill())
	var killed *exec.ExitError
	require.True(t, errors.As(other.Wait(), &killed), "it was not killed: %s", &said)
	require.Greater(t, len(runDirs(t)), len(dirs))

	again := exec.Command("/proc/self/exe", other.Args[1:]...)
	again.Env = other.Env
	out, err := again.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, dirs, runDirs(t))
	require.Equal(t, groups, cgroupsOfRuns(t))
	require.Equal(t, limit, setting(t, "fs/inotify/max_user_instances"))
}

func runDirs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("../../.cache/taloslab/run-*")
	require.NoError(t, err)
	return dirs
}

func cgroupsOfRuns(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"/sys/fs/cgroup/cozy-taloslab-*", "/sys/fs/cgroup/*/cozy-taloslab-*"} {
		dirs, err := filepath.Glob(pattern)
		require.NoError(t, err)
		out = append(out, dirs...)
	}
	return out
}
