// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// run runs a command line and returns its exit code, answer and conversation.
func run(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, "v1.2.3", args)
	return code, stdout.String(), stderr.String()
}

func TestEveryCommandSaysWhatItDoesInOneSentence(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.Regexp(t, `^[A-Z].*[^.]$`, c.Short, c.CommandPath())
		require.NotNil(t, c.RunE, "%s must refuse unknown arguments", c.CommandPath())
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, "v"))
}

func TestVersionIsAnAnswer(t *testing.T) {
	code, out, err := run(t, "version")
	require.Zero(t, code)
	require.Contains(t, out, "cozy-install v1.2.3 ")
	require.Empty(t, err)
}

func TestCompletionIsThere(t *testing.T) {
	code, out, _ := run(t, "completion", "bash")
	require.Zero(t, code)
	require.Contains(t, out, "cozy-install")
}

func TestWrongUsageExitsWithTwo(t *testing.T) {
	site := filepath.Join("..", "..", "..", "examples", "lab", "site.yaml")
	for _, args := range [][]string{
		{"nonsense"},
		{"tenant", "nonsense"},
		{"up", "surplus"},
		{"up", "--nonsense"},
		{"up", "-f", "missing.yaml"},
		{"up", "-f", site, "--work-dir", t.TempDir(), "--progress", "nonsense"},
		{"up", "-f", site, "--work-dir", t.TempDir(), "--output", "nonsense"},
		{"up", "-f", site, "--work-dir", t.TempDir(), "--from", "nonsense"},
		{"plan", "-f", site, "--work-dir", t.TempDir(), "--output", "nonsense"},
		{"bundle", "show"},
		{"bundle", "show", "nonsense"},
	} {
		code, out, err := run(t, args...)
		require.Equal(t, 2, code, "%v: %s", args, err)
		require.Empty(t, out, "%v", args)
		require.Contains(t, err, "cozy-install: ", "%v", args)
	}
}

func TestAWrongSiteFileIsRefusedBeforeAnythingIsMade(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", "lab", "site.yaml"))
	require.NoError(t, err)
	file := filepath.Join(dir, "site.yaml")
	bad := strings.Replace(string(data), "\npackages:\n", "\npackages:\n  enable: [nonsense]\n", 1)
	require.NoError(t, os.WriteFile(file, []byte(bad), 0o600))

	for _, command := range []string{"up", "plan", "status"} {
		code, _, text := run(t, command, "-f", file, "--work-dir", filepath.Join(dir, "work"))
		require.Equal(t, 2, code, "%s: %s", command, text)
		require.Contains(t, text, "packages.enable[0]", command)
	}
	left, err := filepath.Glob(filepath.Join(dir, "work", "*.yaml"))
	require.NoError(t, err)
	require.Empty(t, left, "no secrets are made for a site that cannot be built")
}

func TestPlanTellsWhatUpWouldDo(t *testing.T) {
	site := filepath.Join("..", "..", "..", "examples", "lab", "site.yaml")
	work := filepath.Join(t.TempDir(), "work")
	code, out, text := run(t, "plan", "-f", site, "--work-dir", work, "-o", "json")
	require.Zero(t, code, text)
	var plan struct {
		Phases []struct {
			Phase string `json:"phase"`
			Done  bool   `json:"done"`
		} `json:"phases"`
		NotYetUsed []string `json:"notYetUsed"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &plan))
	ids := make([]string, 0, len(plan.Phases))
	for _, p := range plan.Phases {
		require.False(t, p.Done, p.Phase)
		ids = append(ids, p.Phase)
	}
	require.Equal(t, []string{
		"secrets", "configs", "netboot", "apply", "install", "etcd", "kubeconfig", "register", "core", "nodes", "packages", "tenant-root",
	}, ids, "the ids are a public contract")
	require.Empty(t, plan.NotYetUsed, "all that this site says is used")
	require.NoDirExists(t, work, "plan changes nothing")
}

func TestTalosGenerateMakesTheSameBytesTwice(t *testing.T) {
	site := filepath.Join("..", "..", "..", "examples", "lab", "site.yaml")
	dir := t.TempDir()
	files := func(out string) map[string]string {
		code, listed, text := run(t, "talos", "generate", "-f", site, "--work-dir", filepath.Join(dir, "work"), "-o", out)
		require.Zero(t, code, text)
		found := map[string]string{}
		for _, path := range strings.Fields(listed) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			found[filepath.Base(path)] = string(data)
		}
		return found
	}
	first, second := files(filepath.Join(dir, "a")), files(filepath.Join(dir, "b"))
	require.Len(t, first, 4)
	for _, node := range []string{"cp1.yaml", "cp2.yaml", "cp3.yaml"} {
		require.Equal(t, first[node], second[node])
	}
}
