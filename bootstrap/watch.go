// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// watch is one wait for nodes. One that was seen as it should be is not looked at again by it: hundreds of nodes that are
// there cost nothing while the last one is waited for, and whatever comes next looks for itself.
type watch struct {
	bringup *bringup
	what    string // completes "nodes that ...": "have not appeared"
	want    []talos.State
	seen    map[string]sight // the last sight of every node
}

func (b *bringup) watch(what string, want ...talos.State) *watch {
	return &watch{bringup: b, what: what, want: want, seen: map[string]sight{}}
}

// look looks at the nodes that are not yet as they should be, also at those that the run went on without: one that is
// there after all is in the run again. It gives what was seen of them now.
func (w *watch) look(ctx context.Context) (map[string]sight, error) {
	pending := slices.DeleteFunc(slices.Clone(w.bringup.site.Nodes), func(n site.Node) bool {
		return slices.Contains(w.want, w.seen[n.Name].state)
	})
	now, err := w.bringup.observeSome(ctx, pending, true)
	for name, one := range now {
		w.seen[name] = one
		if slices.Contains(w.want, one.state) {
			w.bringup.returned(name)
		}
	}
	return now, err
}

// assert looks, and checks that every node that the run has not gone on without is as it should be.
func (w *watch) assert(ctx context.Context) error {
	if _, err := w.look(ctx); err != nil {
		return err
	}
	return w.missing()
}

func (w *watch) missing() error { return w.bringup.assertSeen(w.seen, w.what, w.want...) }
