// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/talos"
)

// One site is upgraded through everything that can go wrong: refused, killed, with a lost answer, and rolled back.
func TestTalosIsUpgradedOneNodeAtATime(t *testing.T) {
	r := newRack(t, 214)
	const old, target = "version: v1.12.4", "version: v1.13.9"
	upgrade := func(ctx context.Context, was, is string) ([]phase.Result, error) {
		b := r.bringup(was, is)
		return r.carryOut(ctx, b, UpgradeTalos(b.site))
	}

	t.Run("a jump is refused before any node is touched", func(t *testing.T) {
		var jump *talos.JumpError
		_, err := upgrade(t.Context(), old, "version: v1.11.9")
		require.ErrorAs(t, err, &jump)
		require.ErrorContains(t, err, "node cp1: upgrade Talos from v1.12.4 to v1.11.9")
		require.ErrorContains(t, err, "node w1: upgrade Talos from v1.12.4")
		require.Empty(t, r.happened("upgrade"))
	})
	t.Run("a site at the target is left alone", func(t *testing.T) {
		results, err := upgrade(t.Context(), old, old)
		require.NoError(t, err)
		for _, result := range results[1:] {
			require.Equal(t, phase.Skipped, result.State, result.ID)
		}
		require.Empty(t, r.happened("upgrade", "config-changed"))
	})
	t.Run("a rolled back node is named", func(t *testing.T) {
		r.units["cp1"].order("Upgrade", talosim.Fault{RollBack: true})
		_, err := upgrade(t.Context(), old, target)
		var back *RolledBackError
		require.ErrorAs(t, err, &back)
		require.EqualError(t, back, "node cp1 came back with Talos v1.12.4: the upgrade to v1.13.9 was rolled back")
		require.Equal(t, []string{"cp1 upgrade"}, r.happened("upgrade"), "and the others are not touched")
		b := r.bringup()
		journal, err := b.dir.Journal()
		require.NoError(t, err)
		require.Nil(t, journal.Upgrade)
		require.NoError(t, b.awaitSteady(t.Context(), r.say, b.site.Nodes))
		require.NoError(t, b.dir.Close())
	})
	t.Run("killed in the middle, with a lost answer", func(t *testing.T) {
		r.units["cp1"].order("Upgrade", talosim.Fault{LoseAnswer: true})
		ctx, stop := r.killedAt(t.Context(), "cp2 upgrade")
		_, err := upgrade(ctx, old, target)
		stop()
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []string{"cp1 upgrade", "cp2 upgrade"}, r.happened("upgrade"))

		results, err := upgrade(t.Context(), old, target)
		require.NoError(t, err)
		ids := []string{}
		for _, result := range results {
			ids = append(ids, result.ID+" "+string(result.State))
		}
		require.Equal(t, []string{"preflight done", "talos-cp2 done", "talos-cp1 skipped", "talos-cp3 done", "talos-w1 done"}, ids)
		require.Equal(t, []string{"cp3 upgrade", "w1 upgrade"}, r.happened("upgrade"), "the node that was asked is not asked again")
	})
	t.Run("every node has the new system and a config for it", func(t *testing.T) {
		b := r.bringup(old, target)
		wanted, err := b.talosTarget()
		require.NoError(t, err)
		for _, node := range b.site.Nodes {
			system, err := b.system(t.Context(), node)
			require.NoError(t, err)
			require.True(t, wanted.reached(system), "%s: %+v", node.Name, system)
			require.Contains(t, string(r.units[node.Name].disks.Config()), wanted.image)
			components, err := b.componentsOf(t.Context(), node)
			require.NoError(t, err)
			require.Equal(t, "v1.34.4", components[talos.Kubelet])
		}
		require.NoError(t, b.assertSteady(t.Context(), b.site.Nodes, siteWell()))
		require.NoError(t, b.dir.Close())
	})
	t.Run("not while a member is away", func(t *testing.T) {
		r.units["cp3"].off()
		_, err := upgrade(t.Context(), old, "version: v1.13.10")
		var absent *AbsentNodesError
		require.ErrorAs(t, err, &absent)
		require.Equal(t, []string{"cp3"}, absent.Nodes)
		require.Empty(t, r.happened("upgrade"))
	})
}
