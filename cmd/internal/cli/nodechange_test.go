// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatMayLoseDataIsConfirmedByAName(t *testing.T) {
	var said bytes.Buffer
	ask := func(answer string, yes bool) error {
		said.Reset()
		agree := agreeFlags{yes: yes}
		return agree.ask(Streams{In: strings.NewReader(answer), Err: &said}, "etcd is left with \x1b[2J two", "cp1")
	}
	for _, answer := range []string{"cp1\n", " cp1 \n", "cp1"} {
		require.NoError(t, ask(answer, false), "%q", answer)
	}
	require.Contains(t, said.String(), "Type cp1 to go on: ")
	require.NotContains(t, said.String(), "\x1b")
	for _, answer := range []string{"", "\n", "y\n", "yes\n", "cp10\n", strings.Repeat("x", 1<<20) + "\ncp1\n"} {
		var unconfirmed *UnconfirmedError
		require.ErrorAs(t, ask(answer, false), &unconfirmed, "%.9q", answer)
		require.Contains(t, unconfirmed.Hint(), "--yes")
	}
	require.NoError(t, ask("", true))
	require.Contains(t, said.String(), "etcd is left", "what is done is said all the same")
	require.NotContains(t, said.String(), "Type")
}

// It is the same for every command that may lose data: each risk by its name, then a name typed.
func TestRisksAreAcceptedByNameAndANameIsTyped(t *testing.T) {
	file, work := deadSiteFile(t)
	on := []string{"-f", file, "--work-dir", work}
	for args, risks := range map[string][]string{
		"node remove w1":  {"data-loss"},
		"node replace w1": {"data-loss", "storage-replicas"},
	} {
		command := append(strings.Fields(args), on...)
		code, out, text := run(t, command...)
		require.Equal(t, exitFailed, code)
		require.Empty(t, out)
		for _, risk := range risks {
			require.Contains(t, text, risk+": ")
			require.Contains(t, text, "--accept-risk "+risk)
			command = append(command, "--accept-risk", risk)
		}
		code, _, text = run(t, command...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, text, "Risk data-loss: ")
		require.Contains(t, text, "Type w1 to go on: ")
		require.Contains(t, text, "not confirmed: nothing was done")

		code, _, text = run(t, append(command, "--yes")...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, text, "the cluster's secrets do not exist yet")
	}
	for _, args := range []string{"node remove w1", "node replace w1", "reset w1", "etcd restore etcd.db"} {
		code, _, text := run(t, append(append(strings.Fields(args), on...), "--accept-risk", "everything")...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, text, `--accept-risk "everything": the risks are data-loss, `)
	}
	for _, command := range []string{"node add w9", "node remove w9", "node replace w9", "etcd choose w9"} {
		code, _, text := run(t, append(strings.Fields(command), on...)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, text, "cp1, w1")
	}
}

func TestChangesShowTheirStepsAndChangeNothing(t *testing.T) {
	file, work := deadSiteFile(t)
	for _, test := range []struct{ args, title, phase string }{
		{"node add w1", "add node w1", "netboot"},
		{"node remove cp1", "remove node cp1", "leave-etcd"},
		{"node replace cp1", "replace node cp1", "forget"},
		{"upgrade talos", "upgrade Talos to v1.13.9", "talos-w1"},
		{"upgrade kubernetes", "upgrade Kubernetes to v1.34.4", "kubelet"},
	} {
		args := append(strings.Fields(test.args), "-f", file, "--work-dir", work, "--dry-run", "-o", "json")
		code, out, text := run(t, args...)
		require.Zero(t, code, "%s: %s", test.args, text)
		var planned struct {
			Change string
			Phases []struct{ Phase string }
		}
		require.NoError(t, json.Unmarshal([]byte(out), &planned))
		require.Equal(t, test.title, planned.Change)
		ids := []string{}
		for _, p := range planned.Phases {
			ids = append(ids, p.Phase)
		}
		require.Contains(t, ids, test.phase, test.args)
	}
	code, out, _ := run(t, "upgrade", "talos", "-f", file, "--work-dir", work, "--dry-run")
	require.Zero(t, code)
	require.Contains(t, out, "upgrade Talos on cp1: can't be told: ")
	require.Contains(t, out, "Site test: upgrade Talos to v1.13.9.")
}
