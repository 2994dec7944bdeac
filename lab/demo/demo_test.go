// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/world"
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
	programs := madePrograms(t)
	said, err = run(binary, "down", "-dir", dir)
	require.NoError(t, err, "ending a demo that does not run is no mistake: %s", said)

	said, err = run(binary, "up", "-dir", dir, "-programs", programs)
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

	said, err = run(binary, "up", "-dir", dir, "-programs", programs)
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

// madePrograms are the product's programs under the names that `make build` gives them.
func madePrograms(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	programs, err := world.BuildPrograms(t.Context(), filepath.Join("..", ".."), dir)
	require.NoError(t, err)
	require.NoError(t, os.Rename(programs.Controller, filepath.Join(dir, "cozy-controller-linux-"+runtime.GOARCH)))
	return dir
}

// Whoever follows the README has one set of programs in bin/, whatever he made last: cozy-install refuses to make an image of a
// cozy-controller of another version than its own.
func TestMakeDemoLeavesTheProgramsOfMakeBuild(t *testing.T) {
	dryRun := func(target string) string {
		cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-n", target, "VERSION=v9.9.9")
		cmd.Dir = filepath.Join("..", "..")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	build := dryRun("build")
	require.Equal(t, 3, strings.Count(build, "v9.9.9"), "cozy-install, and cozy-controller for two platforms: %s", build)
	require.Contains(t, dryRun("demo"), build, "the demo stamps what it leaves in bin/ otherwise than make build")
}

func TestADemoWithoutProgramsSaysWhatMakesThem(t *testing.T) {
	dir := t.TempDir()
	err := command(t.Context(), []string{"up", "-dir", filepath.Join(dir, "demo"), "-programs", dir})
	require.ErrorContains(t, err, filepath.Join(dir, "cozy-install"))
	require.ErrorContains(t, err, "make build")
	require.NoError(t, command(t.Context(), []string{"down", "-dir", filepath.Join(dir, "demo")}))
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
