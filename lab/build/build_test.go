// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

func TestModuleKeyChangesWithEverySource(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	key := func() string {
		key, err := moduleKey(dir)
		require.NoError(t, err)
		return key
	}
	write("go.mod", "module a\n")
	_, err := moduleKey(dir)
	require.ErrorIs(t, err, os.ErrNotExist, "a module without go.sum is not pinned")
	write("go.sum", "")
	seen := map[string]string{key(): "first"}
	require.Len(t, key(), 64)
	for _, change := range [][2]string{{"go.mod", "module b\n"}, {"go.sum", "x"}, {"main.go", "package main"}, {"main.go", "package  main"}, {"more.go", ""}} {
		write(change[0], change[1])
		require.NotContains(t, seen, key(), "after changing %s", change[0])
		seen[key()] = change[0]
	}
	before := key()
	write("main_test.go", "package main")
	require.Equal(t, before, key(), "tests are not built into the program")
}

func TestFindRootSkipsNestedModules(t *testing.T) {
	root := t.TempDir()
	nested := filepath.Join(root, "lab", "tools", "kube")
	require.NoError(t, os.MkdirAll(nested, 0o755))
	t.Chdir(nested)
	_, err := FindRoot()
	require.ErrorContains(t, err, "no go.mod of module github.com/cozystack/cozy-install")
	require.NoError(t, os.WriteFile(filepath.Join(nested, "go.mod"), []byte("module github.com/cozystack/cozy-install/lab/tools/kube\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte(mainModule), 0o644))
	got, err := FindRoot()
	require.NoError(t, err)
	want, err := filepath.EvalSymlinks(root)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestLinkerFlagsStampTheVersion(t *testing.T) {
	require.Equal(t, "-s -w", linkerFlags(""))
	flags := linkerFlags("v1.34.4")
	for _, want := range []string{"version.gitVersion=v1.34.4", "version.gitMajor=1 ", "version.gitMinor=34 "} {
		require.Equal(t, 2, strings.Count(flags, want), "%s in %s", want, flags)
	}
}

func TestBuildsOnceWhenAskedConcurrently(t *testing.T) {
	root := smallModule(t, "package main\n\nfunc main() {}\n")
	var mu sync.Mutex
	var lines []string
	cfg := Config{Root: root, CacheDir: filepath.Join(root, "cache"), Progress: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}}
	programs := []program{{name: "small", module: "small", pkg: "."}}
	folders := map[string]string{"small": filepath.Join(cfg.CacheDir, "key")}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if err := cfg.buildMissing(t.Context(), programs, folders); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.NoError(t, exec.Command(filepath.Join(folders["small"], "small")).Run())
	built := 0
	for _, line := range lines {
		if strings.HasPrefix(line, "building small (1/1), less than a minute") {
			built++
		}
	}
	require.Equal(t, 1, built, "%q", lines)
}

func TestFailedBuildLeavesNothingAndSaysWhy(t *testing.T) {
	root := smallModule(t, "package main\n\nfunc main() { undefinedThing() }\n")
	cfg := Config{Root: root, CacheDir: filepath.Join(root, "cache"), Progress: func(string) {}}
	folders := map[string]string{"small": filepath.Join(cfg.CacheDir, "key")}
	err := cfg.buildMissing(t.Context(), []program{{name: "small", module: "small", pkg: "."}}, folders)
	require.ErrorContains(t, err, "undefinedThing")
	var goError *GoError
	require.ErrorAs(t, err, &goError)
	require.NotEmpty(t, goError.Hint())
	left, err := os.ReadDir(folders["small"])
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestCancelledWaitForTheLockEnds(t *testing.T) {
	root := smallModule(t, "package main\n\nfunc main() {}\n")
	holder := flock.New(filepath.Join(root, "lock"))
	require.NoError(t, holder.Lock())
	t.Cleanup(func() { require.NoError(t, holder.Unlock()) })
	ctx, cancel := context.WithCancel(t.Context())
	// The progress line says that the wait has begun.
	cfg := Config{Root: root, CacheDir: root, Progress: func(string) { cancel() }}
	err := cfg.buildMissing(ctx, []program{{name: "small", module: "small", pkg: "."}}, map[string]string{"small": filepath.Join(root, "key")})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "wait for the lock")
}

// smallModule makes a repository with one tool module whose main.go has the given source.
func smallModule(t *testing.T, source string) (root string) {
	t.Helper()
	root = t.TempDir()
	dir := filepath.Join(root, toolsDir, "small")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module small\n\ngo 1.26\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644))
	return root
}
