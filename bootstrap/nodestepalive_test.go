// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// Taken for dead, a node would lose its steps, and be wiped with copies on it when it answers again.
func TestANodeThatLeavesStaysWhatItWasWhenPackagesWereAsked(t *testing.T) {
	node := site.Node{Name: "w1"}
	for _, was := range []bool{true, false} {
		b := &bringup{}
		require.NoError(t, b.sameLife(node, was), "not asked yet")
		b.checkedAlive = map[string]bool{node.Name: was}
		require.NoError(t, b.sameLife(node, was))
		require.NoError(t, b.sameLife(site.Node{Name: "w2"}, !was), "of another node")
		var changed *ChangedLifeError
		require.ErrorAs(t, b.sameLife(node, !was), &changed)
		require.Equal(t, ChangedLifeError{Node: "w1", Alive: !was}, *changed)
		alive, err := b.lifeOf(t.Context(), node, bundles.StepGone)
		require.NoError(t, err, "one that is wiped answers nobody")
		require.Equal(t, was, alive)
	}
}

func TestCallingARemovalOffNamesWhatWasDone(t *testing.T) {
	running := nodeStep{bundles.NodeStep{Title: "a", Label: map[string]string{"example.org/leaves": "true"}}, "p"}
	hint := unending(worker1, []nodeStep{running}, running, "", nil).Hint()
	require.Contains(t, hint, "kubectl uncordon w1")
	require.Contains(t, hint, "kubectl label node w1 example.org/leaves-")
	kicked := nodeStep{bundles.NodeStep{Title: "b", Exec: &bundles.StepExec{}}, "kube-ovn"}
	require.Contains(t, unending(worker1, []nodeStep{kicked}, kicked, "", nil).Hint(), "docs/node-removal.md")
	kicked.At = bundles.StepGone
	hint = unending(worker1, []nodeStep{kicked}, kicked, "see", nil).Hint()
	require.NotContains(t, hint, "uncordon")
	require.Contains(t, hint, "see. run this again to go on")
	require.Contains(t, hint, "cozy-install node add w1")
}
