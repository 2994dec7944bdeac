// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"maps"
	"slices"
	"time"

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
	pending := slices.DeleteFunc(slices.Clone(w.bringup.nodes()), func(n site.Node) bool {
		return slices.Contains(w.want, w.seen[n.Name].state)
	})
	now, err := w.bringup.observeSome(ctx, pending)
	for name, one := range now {
		w.seen[name] = one
		w.bringup.remember(name, one)
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

// recentLimit is how long what was seen of a machine in maintenance mode may be used to give it its config. Should it have
// rebooted since, the config does not reach it, for its fingerprint is pinned, and it is looked at again.
const recentLimit = time.Minute

// recentSight is what was seen of a machine in maintenance mode, and when.
type recentSight struct {
	sight

	at time.Time
}

func (b *bringup) remember(name string, seen sight) {
	if b.recent == nil {
		b.recent = map[string]recentSight{}
	}
	delete(b.recent, name)
	if seen.state == talos.Maintenance && seen.trouble == nil {
		b.recent[name] = recentSight{sight: seen, at: time.Now()}
	}
}

// observeForApply looks at every node of which nothing recent is known, since reading the hardware of hundreds of machines
// twice in a row takes seconds. What was recent is used once.
func (b *bringup) observeForApply(ctx context.Context) (map[string]sight, error) {
	known := map[string]sight{}
	var others []site.Node
	for _, node := range b.site.Nodes {
		if recent, ok := b.recent[node.Name]; ok && time.Since(recent.at) < recentLimit {
			known[node.Name] = recent.sight
			continue
		}
		others = append(others, node)
	}
	b.recent = nil
	seen, err := b.observeSome(ctx, others)
	maps.Copy(known, seen)
	return known, err
}
