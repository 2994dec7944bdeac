// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackagesThatExcludeOneAnotherAreRefusedTogether(t *testing.T) {
	catalog := load(t, Data())
	choices := Choices{Facts: facts(), Charts: charts(t), Enable: []string{"multus", "cilium-pools"}}
	_, err := Resolve(catalog, "distro-full", choices)
	require.Equal(t, []string{`packages.enable[1]: "cilium-pools": can't be installed beside metallb and metallb-pools: ` +
		`write packages.disable: [metallb, metallb-pools], or leave it out`}, problems(t, err))

	choices.Disable = []string{"metallb", "metallb-pools"}
	plan, err := Resolve(catalog, "distro-full", choices)
	require.NoError(t, err)
	require.Contains(t, names(plan.Packages), "cilium-pools")
	require.NotContains(t, names(plan.Packages), "metallb")
}

// Whichever of the two says it.
func TestAConflictHoldsBothWays(t *testing.T) {
	catalog := load(t, tree("name: b\ntitle: T\nplatform: talos\ncore: [c]\nlayers: [{name: l, packages: [{name: c}, {name: x}, {name: why, optional: true}, {name: z, optional: true}]}]",
		pkg("c", ""), pkg("x", "conflicts: [why]"), pkg("why", ""), pkg("z", "")))
	s, _ := catalog.Bundle("b")
	require.Equal(t, []string{"why"}, s.Alternatives())
	require.Equal(t, []string{"z"}, s.Optional(), "what can be enabled all at once")
	_, err := Resolve(catalog, "b", Choices{Enable: []string{"why"}})
	require.Equal(t, []string{`packages.enable[0]: "why": can't be installed beside x: write packages.disable: [x], or leave it out`}, problems(t, err))
	_, err = Resolve(catalog, "b", Choices{Enable: []string{"why"}, Disable: []string{"x"}})
	require.NoError(t, err)
}

func TestConflictsAreWithOtherPackages(t *testing.T) {
	_, err := Load(tree("name: b\ntitle: T\nplatform: talos\ncore: [c]\nlayers: [{name: l, packages: [{name: c}, {name: x}]}]",
		pkg("c", ""), pkg("x", "dependsOn: [c]\nconflicts: [c, x, nobody]")))
	require.Equal(t, []string{
		`packages/x.yaml: conflicts[0]: "c": the package depends on it`,
		`packages/x.yaml: conflicts[1]: "x": names itself`,
		`packages/x.yaml: conflicts[2]: "nobody": no such package`,
	}, problems(t, err))
}
