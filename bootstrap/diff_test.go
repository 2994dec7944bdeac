// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net/netip"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

func TestDiffComparesWithTheRunningNode(t *testing.T) {
	machines(t, map[byte]runtime.SecurityStateSpec{2: {}})
	s := machineSiteWith(t, "", "")
	b := withSecrets(t, s)
	giveConfig(t, b)

	options := Options{Site: s, WorkDir: b.dir.Path(".")}
	same, err := DiffConfigs(t.Context(), options, "cp1")
	require.NoError(t, err)
	require.Equal(t, []ConfigDiff{{Node: "cp1"}}, same)
	require.NoError(t, Different(same))

	options.Site = machineSiteWith(t, "talos: {", "talos: {patches: [{machine: {sysctls: {vm.swappiness: \"1\"}, token: abcdef.0123456789abcdef}}], ")
	all, err := DiffConfigs(t.Context(), options)
	require.NoError(t, err)
	require.Contains(t, all[0].Diff, "+        vm.swappiness: \"1\"\n")
	require.Contains(t, all[0].Diff, "# the secret at machine.token differs\n")
	require.NotContains(t, all[0].Diff, "0123456789abcdef")
	require.ErrorIs(t, all[1].Err, talos.ErrUnavailable, "w1 is off")
	err = Different(all)
	var different *DifferentConfigsError
	require.ErrorAs(t, err, &different)
	require.Equal(t, []string{"cp1"}, different.Nodes)
	require.ErrorContains(t, err, "compare the config of w1: ")

	_, err = DiffConfigs(t.Context(), options, "cp9")
	var unknown *UnknownNodeError
	require.ErrorAs(t, err, &unknown)
	_, err = DiffConfigs(t.Context(), Options{Site: s, WorkDir: t.TempDir() + "/none"})
	var none *NoSecretsError
	require.ErrorAs(t, err, &none)
}

// giveConfig has the first node take its config, and waits until it runs with it.
func giveConfig(t *testing.T, b *bringup) {
	t.Helper()
	only := *b.site
	only.Nodes = only.Nodes[:1]
	all := b.site
	b.site = &only
	defer func() { b.site = all }()
	require.NoError(t, b.applyConfigs().Run(t.Context(), func(string, ...any) {}))
	creds, err := b.credentials()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		answer, _ := talos.Probe(t.Context(), netip.AddrPortFrom(only.Nodes[0].Address, talos.Port), creds)
		return answer.State == talos.Ours
	}, 2*time.Minute, 50*time.Millisecond)
}

func TestAMachineWithAnOlderTalosGetsAConfigThatItReads(t *testing.T) {
	machines(t, map[byte]runtime.SecurityStateSpec{2: {}})
	s := machineSiteWith(t, "talos: {", "talos: {rolePatches: {controlplane: [{apiVersion: v1alpha1, kind: BlackholeRouteConfig, name: 10.9.0.0/16}]}, ")
	b := withSecrets(t, s)
	seen, err := b.observe(t.Context())
	require.NoError(t, err)
	machine := seen["cp1"]
	machine.inventory.TalosVersion = "v1.12.6"
	d := &delivery{node: s.Nodes[0], machine: machine, open: &calls{}, Applied: Applied{Node: "cp1", Role: site.ControlPlane}}
	defer d.open.close()
	err = b.check(t.Context(), d)
	require.ErrorContains(t, err, "talos.rolePatches.controlplane[0] (for node cp1): Talos v1.12.6 does not know BlackholeRouteConfig (since v1.13)")
	require.Empty(t, d.config, "nothing is sent")

	machine.inventory.TalosVersion = "v1.13.9"
	d.machine = machine
	require.NoError(t, b.check(t.Context(), d))
}
