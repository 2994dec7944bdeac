// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// ChangedLifeError says that a node that leaves answers and did not when packages were asked about it, or the other way round. What
// they ask is not the same for both, so it goes no further.
type ChangedLifeError struct {
	Node  string
	Alive bool // now
}

func (e *ChangedLifeError) Error() string {
	if e.Alive {
		return "node " + e.Node + " answers again, and was taken for dead when packages were asked: what they want done on a node that runs was not done"
	}
	return "node " + e.Node + " does not answer any more, and did when packages were asked: what they want done on it can't be known to be done"
}

// Hint says how to go on.
func (e *ChangedLifeError) Hint() string {
	return "run this again when the node is as it shall be: running, or powered off; packages are asked anew then"
}

// sameLife holds a node to what it was when packages were asked about it in this run. Not asked yet, it may be either.
func (b *bringup) sameLife(node site.Node, alive bool) error {
	if was, checked := b.checkedAlive[node.Name]; checked && was != alive {
		return &ChangedLifeError{Node: node.Name, Alive: alive}
	}
	return nil
}

// assertSameLife looks at the node, and is sameLife.
func (b *bringup) assertSameLife(ctx context.Context, node site.Node) (alive bool, err error) {
	alive, err = b.answers(ctx, node)
	if err == nil {
		err = b.sameLife(node, alive)
	}
	return alive, err
}

// lifeOf says for which state of the node steps of that moment are chosen. One that is gone is wiped, and was what it was.
func (b *bringup) lifeOf(ctx context.Context, node site.Node, when string) (alive bool, err error) {
	if was, checked := b.checkedAlive[node.Name]; checked && when == bundles.StepGone {
		return was, nil
	}
	return b.assertSameLife(ctx, node)
}
