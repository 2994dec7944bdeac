// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDemoComesUpIsLookedAtAndLeavesNothing does what the README says, with the program that the Makefile runs.
func TestDemoComesUpIsLookedAtAndLeavesNothing(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "demo")
	dir := filepath.Join(t.TempDir(), "demo")
	run := func(program string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = filepath.Join("..", "..")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	said, err := run("go", "build", "-o", binary, "./lab/demo")
	require.NoError(t, err, said)
	said, err = run(binary, "down", "-dir", dir)
	require.NoError(t, err, "ending a demo that does not run is no mistake: %s", said)

	said, err = run(binary, "up", "-dir", dir)
	t.Cleanup(func() { _, _ = run(binary, "down", "-dir", dir) }) // after a failure; else it is down already
	require.NoError(t, err, said)
	for _, want := range []string{"tenant-root is Ready", "PHASE", "export KUBECONFIG=" + filepath.Join(dir, "kubeconfig")} {
		require.Contains(t, said, want)
	}
	d := &demo{dir: dir}
	s, err := d.readState()
	require.NoError(t, err)

	tenants, err := run(s.Kubectl, "--kubeconfig", filepath.Join(dir, "kubeconfig"), "get", "tenants", "-A", "--no-headers")
	require.NoError(t, err, tenants)
	require.Contains(t, strings.Fields(tenants), "tenant-root")
	require.Contains(t, strings.Fields(tenants), "True")

	said, err = run(binary, "up", "-dir", dir)
	require.NoError(t, err, said)
	require.Contains(t, said, "was done", "a second run goes on")

	said, err = run(binary, "down", "-dir", dir)
	require.NoError(t, err, said)
	require.NoDirExists(t, dir)
	require.Eventually(t, func() bool { // the kernel needs a moment to bury it
		_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(s.PID)))
		return os.IsNotExist(err) && len(processesOf(t, dir)) == 0
	}, 10*time.Second, 50*time.Millisecond, "left: %v", processesOf(t, dir))
}

// processesOf lists the processes whose command line names a directory. Failures to look count as nothing: they go.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func TestWrongUsageIsTold(t *testing.T) {
	for _, args := range [][]string{nil, {"sideways"}, {"up", "surplus"}, {"up", "-nonsense"}} {
		require.ErrorIs(t, command(t.Context(), args), errUsage, "%v", args)
	}
}
