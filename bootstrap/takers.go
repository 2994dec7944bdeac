// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"slices"

	"github.com/cozystack/cozy-install/talos"
)

// noteTakers remembers which machine was sent the config of a node. While that restarts, another one that says to be the node
// must not be taken for it, back without its config.
func (b *bringup) noteTakers(all []delivery) {
	if b.takers == nil {
		b.takers = map[string]sight{}
	}
	for _, d := range all {
		if d.Result == Took || d.Result == Silent {
			b.takers[d.Node] = d.machine
		}
	}
}

// shareCard says that two looks may have been at one machine, whatever else it tells: boards repeat UUIDs and serials, cards
// do not repeat their hardware addresses. A machine that tells of no card may be any.
func shareCard(one, other talos.Inventory) bool {
	if len(one.Links) == 0 || len(other.Links) == 0 {
		return true
	}
	return slices.ContainsFunc(one.Links, func(l talos.Link) bool { return isCardOf(other, l.MAC) })
}
