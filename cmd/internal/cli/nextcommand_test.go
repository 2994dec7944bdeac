// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/pxe"
)

func TestCommandsInHintsAreOnesToCopy(t *testing.T) {
	said := func(args ...string) func(string) string {
		c, rest, err := newRoot(Streams{}, "v1").Find(args)
		require.NoError(t, err)
		require.NoError(t, c.ParseFlags(rest))
		return func(text string) string { return copyable(c, text) }
	}
	plain := said("up")
	site := said("up", "-f", "a b.yaml", "--work-dir=/w", "--chart-source=http://x")
	cluster := said("tenant", "list", "--kubeconfig", "k", "--context", "it's")
	const none = "look at cozy-install status, or run cozy-install node add n1; cozy-install is there"
	require.Equal(t, none, plain(none))
	require.Equal(t, none, cluster(none), "it takes no such flag")
	require.Equal(t, "look at cozy-install status -f 'a b.yaml' --work-dir /w, or run cozy-install node add -f 'a b.yaml' --work-dir /w n1; "+
		"cozy-install is there", site(none))
	for _, foreign := range []string{"cozy-install image push REGISTRY", "cozy-install bundle serve --store x", "cozy-install tenant tree", "cozy-install"} {
		require.Equal(t, foreign, site(foreign), "which site is meant is nothing to it")
	}
	require.Equal(t, "(cozy-install tenant show --context 'it'\\''s' --kubeconfig k root)", cluster("(cozy-install tenant show root)"))
	require.Equal(t, "cozy-install config init -f a", said("config", "validate", "-f", "a")("cozy-install config init"))
	require.Equal(t, "as it is", copyable(nil, "as it is"))
}

func TestDataInAnswersIsShownAsItIs(t *testing.T) {
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "site.yaml")
	const data = "cozy-install up"
	require.NoError(t, os.WriteFile(file, []byte(string(text)+"  values:\n    reloader: {reloader: {logFormat: "+data+"}}\n"), 0o600))
	code, out, said := run(t, "config", "show", "-f", file)
	require.Zero(t, code, said)
	require.Contains(t, out, "logFormat: "+data+"\n")
}

func TestOurOwnWordsInAnswersNameCommandsToCopy(t *testing.T) {
	c, rest, err := newRoot(Streams{}, "v1").Find([]string{"plan", "-f", "a.yaml"})
	require.NoError(t, err)
	require.NoError(t, c.ParseFlags(rest))
	const data = "cozy-install up"
	text := bundleStatusText(c, bootstrap.BundleStatus{Packages: []bootstrap.PackageRow{
		{PackageStatus: bootstrap.PackageStatus{Name: "old", Message: data}},
	}}, time.Now())
	require.Contains(t, text, "cozy-install bundle remove -f a.yaml --dry-run\n")
	require.Contains(t, text, data+"\n")
	text = planText(c, bootstrap.Planned{Phases: []phase.Preview{{Steps: []string{"wait: cozy-install node approve"}, Unknown: data}}})
	require.Contains(t, text, "wait: cozy-install node approve -f a.yaml\n")
	require.Contains(t, text, data+"\n")
	diagnosis := pxe.Diagnosis{Stuck: true, Cause: data, Hint: "let it boot: cozy-install pxe approve x"}
	text = explainText(c, []bootstrap.DiagnosedBoot{{Diagnosis: diagnosis}})
	require.Contains(t, text, "cause: "+data+"\n    hint: let it boot: cozy-install pxe approve -f a.yaml x\n")
	text = netbootText(c, bootstrap.NetbootStatus{Written: time.Now(), Notices: []pxe.Notice{{Text: data, Hint: diagnosis.Hint}}}, time.Now())
	require.Contains(t, text, ": "+data+"\n    hint: let it boot: cozy-install pxe approve -f a.yaml x\n")
}

func TestAFailureSaysWhatToRunNextForTheSameSite(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone.yaml")
	code, _, said := run(t, "plan", "-f", gone)
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "make one: cozy-install config init -f "+gone+"\n")
}
