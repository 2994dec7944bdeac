// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

func TestASiteCanDoWithoutWorkersAndWithoutAMinorityOfControlPlanes(t *testing.T) {
	nodes := parseSite(t, "", "").Nodes // cp1, cp2, cp3, w1
	for name, test := range map[string]struct {
		chosen  string
		without []string
		want    bool
	}{
		"nobody is missing":                {"", nil, true},
		"the worker":                       {"cp1", []string{"w1"}, true},
		"one of three control planes":      {"cp1", []string{"cp3", "w1"}, true},
		"the first, before one was chosen": {"", []string{"cp1"}, true},
		"the chosen one":                   {"cp1", []string{"cp1"}, false},
		"two of three control planes":      {"cp1", []string{"cp2", "cp3"}, false},
		"all":                              {"", []string{"cp1", "cp2", "cp3", "w1"}, false},
	} {
		got := canGoWithout(nodes, test.chosen, func(n string) bool { return slices.Contains(test.without, n) })
		require.Equal(t, test.want, got, name)
	}
	require.False(t, canGoWithout(nodes[:1], "", func(string) bool { return true }), "the only control plane")
	require.False(t, canGoWithout(nodes[:2], "", func(n string) bool { return n == "cp2" }), "one of two is no majority")
}

func TestNodesAreBlamedOnlyWhenNothingElseIsWrong(t *testing.T) {
	gone := &NodeError{Node: "cp2", Err: talos.ErrUnavailable}
	missing := &MissingNodesError{What: "x", Nodes: []string{"cp3", "w1"}}
	for name, test := range map[string]struct {
		err   error
		nodes []string
		only  bool
	}{
		"missing":               {missing, []string{"cp3", "w1"}, true},
		"wrapped":               {fmt.Errorf("look: %w", gone), []string{"cp2"}, true},
		"joined":                {errors.Join(gone, missing), []string{"cp2", "cp3", "w1"}, true},
		"two in one text":       {fmt.Errorf("%w; %w", gone, missing), []string{"cp2", "cp3", "w1"}, true},
		"no etcd":               {&NoEtcdError{Nodes: []string{"cp2"}}, []string{"cp2"}, true},
		"not ready":             {&kube.NotYetError{What: "ready", Reasons: []string{"x"}, Nodes: []string{"w1"}}, []string{"w1"}, true},
		"a refusal":             {&RefusedError{Results: []Applied{{Node: "w1", Result: Refused, err: errors.New("x")}, {Node: "w2", Result: Took}}}, []string{"w1"}, true},
		"something else too":    {errors.Join(missing, errors.New("disk full")), []string{"cp3", "w1"}, false},
		"something else":        {errors.New("x"), nil, false},
		"a resource is missing": {&kube.NotYetError{What: "established", Reasons: []string{"x"}}, nil, false},
	} {
		nodes, only := blamed(test.err)
		require.Equal(t, test.only, only, name)
		require.Equal(t, test.nodes, nodes, name)
	}
}

func TestAWaitGoesOnWithoutANodeThatIsLate(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	b.opts.NodeTimeout = 20 * time.Millisecond
	there := b.watch("have not appeared", talos.Ours)
	for _, name := range []string{"cp1", "cp2", "cp3"} {
		there.seen[name] = sight{state: talos.Ours}
	}
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	assert := func(context.Context) error { return there.missing() }
	require.NoError(t, b.awaitMost(t.Context(), say, "the machines", 0, assert))
	require.Contains(t, said, "going on without w1: waiting for the machines took too long")
	require.Equal(t, []string{"cp1", "cp2", "cp3"}, names(b.expected()))

	err := b.lateError(nil)
	require.EqualError(t, err, "the site is up without these nodes: w1 (waiting for the machines took too long)")
	b.returned("w1")
	require.NoError(t, b.lateError(nil))
}

func TestAnInterruptedRunLeavesNobodyBehind(t *testing.T) {
	b := withoutSecrets(t, parseSite(t, "", ""))
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	refused := &RefusedError{Results: []Applied{{Node: "w1", Result: Refused, Reason: "apply config: context canceled"}}}
	require.ErrorIs(t, b.leaveRefused(ctx, refused, func(string, ...any) {}), context.Canceled)
	require.Empty(t, b.late)
}

func TestAWaitDoesNotGoOnWithoutTheChosenNodeAndSaysHowToChooseAgain(t *testing.T) {
	for _, called := range []bool{false, true} {
		b := withSecrets(t, parseSite(t, "", ""))
		b.opts.NodeTimeout = 20 * time.Millisecond
		require.NoError(t, b.dir.UpdateJournal(t.Context(), func(j *workdir.Journal) { j.BootstrapNode, j.BootstrapCalled = "cp2", called }))
		err := b.awaitMost(t.Context(), func(string, ...any) {}, "the machines", 0, func(context.Context) error {
			return &MissingNodesError{What: "have not appeared", Nodes: []string{"cp2", "w1"}}
		})
		var silent *SilentBootstrapNodeError
		require.ErrorAs(t, err, &silent)
		require.ErrorContains(t, err, "etcd is to be bootstrapped on cp2, which does not answer")
		require.Empty(t, b.late)
		if called {
			require.NotContains(t, silent.Hint(), "etcd choose", "it may have founded a cluster")
		} else {
			require.Contains(t, silent.Hint(), "cozy-install etcd choose")
		}
	}
}
