// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/build"
)

var update = flag.Bool("update", false, "rewrite the lists of what older versions do not know")

const machinery = "github.com/siderolabs/talos/pkg/machinery"

// TestTheListsOfUnknownKeysAreMadeFromTheTypesOfEachVersion asks the decoders of three versions of machinery for all that
// they know. It needs their modules.
func TestTheListsOfUnknownKeysAreMadeFromTheTypesOfEachVersion(t *testing.T) {
	root, err := build.FindRoot()
	require.NoError(t, err)

	require.Equal(t, moduleVersion(t, root, "go.mod"), moduleVersion(t, filepath.Join(root, "lab/tools/machinery"), "go.mod"),
		"lab/tools/machinery compares with another version than the one that decodes here")

	newest := known(t, root, "go.mod")

	for _, version := range []string{"1.11", "1.12"} {
		older := known(t, root, "go."+version+".mod")
		for key := range older {
			require.True(t, newest[key], "%s: %q is gone in the newest: its code can't stand for this version's", version, key)
		}

		want := strings.Join(missing(older, newest), "\n") + "\n"
		file := filepath.Join("unknown", version+".txt")

		if *update {
			require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		}

		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, want, string(got), "%s is not up to date: make generate", file)
	}
}

// missing lists what only the newer one knows, without what lies below something that is listed.
func missing(older, newer map[string]bool) []string {
	var list []string

	for _, key := range slices.Sorted(maps.Keys(newer)) {
		above := key[:max(strings.LastIndexAny(key, ". "), 0)]
		if !older[key] && (above == "" || older[above]) {
			list = append(list, key)
		}
	}

	return list
}

// known is what a version decodes, by lines.
func known(t *testing.T, root, modfile string) map[string]bool {
	t.Helper()

	dir := filepath.Join(root, "lab/tools/machinery")

	var module struct{ Dir, Error string }
	require.NoError(t, json.Unmarshal(golang(t, dir, "mod", "download", "-modfile="+modfile, "-json", machinery), &module))
	require.Empty(t, module.Error)

	lines := map[string]bool{}
	for line := range strings.Lines(string(golang(t, dir, "run", "-modfile="+modfile, ".", module.Dir))) {
		lines[strings.TrimSpace(line)] = true
	}

	require.Greater(t, len(lines), 500)
	require.True(t, lines["v1alpha1 machine.install.disk"])

	return lines
}

func moduleVersion(t *testing.T, dir, modfile string) string {
	t.Helper()

	return strings.TrimSpace(string(golang(t, dir, "list", "-modfile="+modfile, "-m", "-f", "{{.Version}}", machinery)))
}

func golang(t *testing.T, dir string, args ...string) []byte {
	t.Helper()

	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir, command.Stderr = dir, os.Stderr
	out, err := command.Output()
	require.NoError(t, err, "go %s", strings.Join(args, " "))

	return out
}
