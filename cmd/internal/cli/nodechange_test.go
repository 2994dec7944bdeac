// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatMayLoseDataIsConfirmedByTheNodesName(t *testing.T) {
	var said bytes.Buffer
	ask := func(answer string, accept bool) error {
		said.Reset()
		flag := confirmFlag{acceptRisk: accept}
		return flag.ask(Streams{In: strings.NewReader(answer), Err: &said}, "etcd is left with \x1b[2J two", "cp1")
	}
	for _, answer := range []string{"cp1\n", " cp1 \n", "cp1"} {
		require.NoError(t, ask(answer, false), "%q", answer)
	}
	require.Contains(t, said.String(), "Type cp1 to go on: ")
	require.NotContains(t, said.String(), "\x1b")
	for _, answer := range []string{"", "y\n", "yes\n", "cp10\n", strings.Repeat("x", 1<<20) + "\ncp1\n"} {
		var unconfirmed *UnconfirmedError
		require.ErrorAs(t, ask(answer, false), &unconfirmed, "%.9q", answer)
		require.Contains(t, unconfirmed.Hint(), "--accept-risk")
	}
	require.NoError(t, ask("", true))
	require.Empty(t, said.String())
}

func TestNodesAreOnlyRemovedAndReplacedAfterAWord(t *testing.T) {
	file, work := deadSiteFile(t)
	on := []string{"-f", file, "--work-dir", work}
	for _, verb := range []string{"remove", "replace"} {
		code, out, text := run(t, append([]string{"node", verb, "w1"}, on...)...)
		require.Equal(t, exitFailed, code)
		require.Empty(t, out)
		require.Contains(t, text, "Risks:\n")
		require.Contains(t, text, "not confirmed: nothing was done")

		code, _, text = run(t, append([]string{"node", verb, "w1", "--accept-risk"}, on...)...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, text, "the cluster's secrets do not exist yet")

		code, _, text = run(t, append([]string{"node", verb, "w9"}, on...)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, text, "cp1, w1")
	}
}

func TestChangesShowTheirStepsAndChangeNothing(t *testing.T) {
	file, work := deadSiteFile(t)
	for _, test := range []struct{ args, title, phase string }{
		{"node add w1", "add node w1", "netboot"},
		{"node remove cp1", "remove node cp1", "etcd"},
		{"node replace cp1", "replace node cp1", "former"},
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
