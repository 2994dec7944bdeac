// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bundles"
)

func TestBundleRemoveRefusesWhatWasNotMeant(t *testing.T) {
	file, work := keptSite(t)
	on := []string{"-f", file, "--work-dir", work}
	for _, args := range [][]string{{"--accept-risk", "everything"}, {"-o", "yaml"}, {"--progress", "nonsense"}} {
		code, out, said := run(t, append(append([]string{"bundle", "remove"}, on...), args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", args, said)
		require.Empty(t, out)
	}
	file, work = deadSiteFile(t)
	code, out, said := run(t, "bundle", "remove", "-f", file, "--work-dir", work, "--dry-run")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, said, "kubeconfig")
	code, _, said = run(t, "up", "-f", file, "--work-dir", work, "--accept-risk", "everything")
	require.Equal(t, exitUsage, code, said)
}

func TestRemovalSaysWhatGoesAndWhatStays(t *testing.T) {
	plan := bootstrap.RemovalPlan{
		Site: "test",
		Removal: bundles.Removal{
			Packages: []bundles.Leaving{
				{Name: "b", Namespace: "cozy-b", Chart: "1.0.0", Kinds: []string{"things.example.org"}, Loses: []string{"it holds data: b"}},
				{Name: "a", Namespace: "cozy-a"},
			},
			Kept:       []bundles.Kept{{Name: "s", Loses: []string{"it holds data: s"}}, {Name: "n", NeededBy: []string{"s"}}},
			Others:     []string{"o"},
			Namespaces: []string{"cozy-b"},
		},
		Risks: []bootstrap.Risk{{Name: bootstrap.RiskDataLoss, Why: "b: it holds data: b"}},
	}
	text := removalText(plan)
	require.Regexp(t, `(?m)^1 +b +cozy-b +1\.0\.0 *$\n^2 +a +cozy-a`, text)
	for _, line := range []string{
		"s stays: it holds data: s\n", "n stays: needed by s\n", "Not asked for, and stay: o\n",
		"unless they hold what no package made: cozy-b\n", "Kinds that stay, as Helm leaves them: things.example.org\n",
		"Risk data-loss: b: it holds data: b\n",
	} {
		require.Contains(t, text, line)
	}
	text = removedText(bootstrap.RemovalResult{RemovalPlan: plan, Phases: []phase.Result{{Elapsed: 3 * time.Second}}})
	require.Contains(t, text, "Site test: removed after 3s: b, a.\n")
	require.Contains(t, text, "kubectl delete crd things.example.org\n")
	require.Contains(t, removalText(bootstrap.RemovalPlan{Site: "test"}), "Site test: nothing is to be removed.\n")
}

func TestKeptPackagesAreAnAnswerThatNamesTheWayOut(t *testing.T) {
	err := &bootstrap.KeptError{Kept: []bundles.Kept{{Name: "s", Loses: []string{"it holds data: s"}}, {Name: "n", NeededBy: []string{"s"}}}}
	require.True(t, isAnswer(err))
	require.False(t, isAnswer(&phase.Error{Err: err}))
	require.Equal(t, exitFailed, ExitCode(err))
	require.Contains(t, err.Error(), "s (it holds data: s), n (needed by s)")
	require.Contains(t, err.Hint(), "cozy-install bundle remove s --accept-risk data-loss")
	require.Contains(t, outcomeText(bootstrap.Outcome{Kept: err.Kept}), "DISABLED AND KEPT")
}
