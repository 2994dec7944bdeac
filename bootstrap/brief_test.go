// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/kube"
)

func numbered(from, until int) []string {
	var out []string
	for n := from; n < until; n++ {
		out = append(out, fmt.Sprintf("node%d", n))
	}
	return out
}

func TestProgressNamesAFewNodesOfMany(t *testing.T) {
	many := &MissingNodesError{What: "have not come back installed", Nodes: numbered(0, 497)}
	var unhealthy, skewed []error
	problems := &UnhealthyError{}
	for _, name := range numbered(0, 7) {
		problems.Problems = append(problems.Problems, NodeProblem{Node: name, CheckResult: CheckResult{Check: "kubelet", Reason: "Preparing"}})
		skewed = append(skewed, &ClockSkewError{Node: name, How: "7s behind"})
		unhealthy = append(unhealthy, &NodeError{Node: name, Err: errors.New(name + " refuses us")})
	}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"few":            {&MissingNodesError{What: "have not appeared", Nodes: numbered(0, 5)}, "nodes that have not appeared: node0, node1, node2, node3, node4"},
		"many":           {many, "nodes that have not come back installed: 497 of 500: node0, node1, node2 and 494 more"},
		"with reasons":   {&reasonedError{err: many, reasons: "node0: installing"}, "nodes that have not come back installed: 497 of 500: node0, node1, node2 and 494 more (node0: installing)"},
		"within another": {fmt.Errorf("%w; %w", errors.New("no power"), many), "no power; nodes that have not come back installed: 497 of 500: node0, node1, node2 and 494 more"},
		"in Kubernetes":  {&kube.NotYetError{What: "registered", Reasons: numbered(3, 103)}, "not registered: 100 of 500: node3; node4; node5 and 97 more"},
		"checks":         {problems, "node0: kubelet: Preparing; node1: kubelet: Preparing; node2: kubelet: Preparing and 4 more"},
		"etcd":           {&NoEtcdError{Nodes: numbered(1, 3)}, "etcd does not run yet on node1, node2"},
		"clocks":         {errors.Join(skewed...), "the clock of node0 is 7s behind\nthe clock of node1 is 7s behind\nthe clock of node2 is 7s behind and 4 more"},
		"joined":         {errors.Join(unhealthy...), "node0 refuses us\nnode1 refuses us\nnode2 refuses us and 4 more"},
		"something else": {errors.New("connection refused"), "connection refused"},
	} {
		require.Equal(t, tt.want, briefly(tt.err, 500).text, name)
	}
	require.Contains(t, many.Error(), "node496", "the error itself names all")
}

func TestALineThatOnlyListsFewerOfManyNodesIsNotSaidAtEachLook(t *testing.T) {
	var said []string
	now := time.Unix(0, 0)
	to := teller{
		of:  500,
		now: func() time.Time { return now },
		say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
	}
	missing := func(from int) error { return &MissingNodesError{What: "have not appeared", Nodes: numbered(from, 500)} }
	for _, step := range []struct {
		at  time.Duration
		err error
		new string // empty: nothing is said
	}{
		{0, missing(0), "nodes that have not appeared: 500 of 500: node0, node1, node2 and 497 more"},
		{time.Second, missing(0), ""},
		{2 * time.Second, missing(10), ""},
		{3 * time.Second, errors.New("the server has ended"), "the server has ended"},
		{4 * time.Second, missing(20), "nodes that have not appeared: 480 of 500: node20, node21, node22 and 477 more"},
		{13 * time.Second, missing(30), ""},
		{14 * time.Second, missing(30), "nodes that have not appeared: 470 of 500: node30, node31, node32 and 467 more"},
		{15 * time.Second, missing(495), "nodes that have not appeared: node495, node496, node497, node498, node499"},
		{15 * time.Second, missing(496), "nodes that have not appeared: node496, node497, node498, node499"},
	} {
		said = nil
		now = time.Unix(0, 0).Add(step.at)
		to.tell(step.err)
		if step.new == "" {
			require.Empty(t, said, step.at)
			continue
		}
		require.Equal(t, []string{step.new}, said, step.at)
	}
}
