// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/policy/engine"
	"github.com/cozystack/cozy-install/tenant"
)

func TestTenantsAreInChainsFourLong(t *testing.T) {
	for _, size := range []int{1, 4, 10, 100, 1000} {
		f := forest{size}
		made := map[string]bool{}

		var grow func(i, level int)

		grow = func(i, level int) {
			namespace := tenant.Namespace(f.home(i), f.name(i))
			require.False(t, made[namespace], namespace)
			made[namespace] = true

			require.LessOrEqual(t, level, depth)

			if below, isThere := f.next(i); isThere {
				require.Equal(t, namespace, f.home(below))
				grow(below, level+1)
			}
		}

		for i := range f.chains() {
			require.Equal(t, tenant.RootNamespace, f.home(i))
			grow(i, 1)
		}

		require.Len(t, made, size)
	}
}

func TestCostsThatGrowFasterThanTheTreeMissTheLimit(t *testing.T) {
	costs := func(reconciles, patches, cpu float64) sample {
		return sample{reconciles: reconciles, requests: map[string]float64{"PATCH": patches}, cpu: cpu}
	}
	changed := []change{{took: 7 * time.Second, cost: sample{passes: 1}}, {took: time.Second, cost: sample{passes: 1, peak: 499e6}}}
	ten := point{size: 10, cost: costs(20, 200, 0.2), changes: changed}
	linear := point{size: 1000, cost: costs(2000, 20_000, 20), changes: changed, floor: time.Second}
	require.NoError(t, curve{ten, linear}.missed())

	more := linear
	more.cost = costs(3000, 20_000, 20)
	require.EqualError(t, curve{ten, more}.missed(), "reconciles of each tenant: 2.00 with 10 tenants, 3.00 with 1000: they grow faster than the tree")

	more.cost = costs(2000, 30_000, 20)
	require.EqualError(t, curve{ten, more}.missed(), "requests of each tenant: 20.00 with 10 tenants, 30.00 with 1000: they grow faster than the tree")

	more.cost = costs(2000, 20_000, 50)
	require.EqualError(t, curve{ten, more}.missed(), "CPU milliseconds of each tenant: 20.00 with 10 tenants, 50.00 with 1000: they grow faster than the tree")

	more = linear
	more.changes = []change{{took: 6 * time.Second, cost: sample{passes: 2, passing: 5.5}}, {took: 7 * time.Second, cost: sample{peak: 501e6}}}
	require.EqualError(t, curve{ten, more}.missed(), "a change at the root took 5.50 s to resolve 1000 tenants anew, the limit is 5s\n"+
		"a change at the root took 6.00 times as long to reach 1000 tenants as its writes alone, the limit is 2\n"+
		"a change at the root took 2 passes over 1000 tenants, the limit is 1\n"+
		"with 1000 tenants the controller had 501 MB, the limit is 500")
}

func TestPoliciesThatGrowFasterThanTheTreeMissTheLimit(t *testing.T) {
	kind := landscape{text: "Tenants", limit: engine.Counted{Rules: 3, Subjects: 2, Peers: 1}}
	require.NoError(t, costs{{10, engine.Counted{Rules: 55, Subjects: 45, Peers: 35}}}.missed(kind))
	require.EqualError(t, costs{{10, engine.Counted{Rules: 56, Subjects: 46, Peers: 36}}}.missed(kind),
		"Tenants: 56 rules for 10 tenants, the limit is 3 for each and 25\n"+
			"Tenants: 46 selectors of pods that rules hold for for 10 tenants, the limit is 2 for each and 25\n"+
			"Tenants: 36 selectors in Cilium's cache for 10 tenants, the limit is 1 for each and 25")
}

func TestAMissingMetricIsNotZero(t *testing.T) {
	_, err := read(map[string]*dto.MetricFamily{})
	require.ErrorContains(t, err, "controller_runtime_reconcile_total")
}

func TestWhatIsNoPartOrNumberIsRefused(t *testing.T) {
	_, err := parse([]string{"-parts", "tree,all"})
	require.EqualError(t, err, `--parts: "all": not one of tree, memory, policies`)

	_, err = parse([]string{"-sizes", "10,0"})
	require.EqualError(t, err, `--sizes: "0": want a number of tenants, at least 1`)
}

// All limits but that of time hold for a small tree, too.
func TestAFewTenants(t *testing.T) {
	var out strings.Builder

	require.NoError(t, measure(t.Context(), []string{"-sizes", "12", "-objects", "300"}, &out), &out)

	for _, row := range []string{
		"\n| 12 | 45 | 3.75 | 38 | 3.17 | 47 | 3.92 | ", "\n| 12 | 189 | ",
		"\n| 301 | 116 | 3 | ", " | 204 | ", // objects, with the policies: one of each tenant, the root's two, and one for all
		"its writes alone s | ratio | passes |",
	} {
		require.Contains(t, out.String(), row)
	}

	t.Log(out.String())
}
