// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// untold are the rows of Gaps on which this engine judges as the table does, and why another may not.
func untold() map[int]string {
	return map[int]string{
		14: "there are no Services here: only a cluster translates addresses",
	}
}

// With every peer there is, what goes otherwise than the table has it is in the rows that Gaps names, and each of these is there
// for a flow that is seen to go otherwise, or for what only another engine does.
func TestWhatNetworkPoliciesGetWrongIsNamedInTheirGaps(t *testing.T) {
	resolved := resolve(t)
	engine := startEngine(t)
	kubernetes := site()
	kubernetes.Enforces = policy.EnforcesKubernetes

	named := map[int]bool{}
	for _, gap := range kubernetes.Gaps() {
		named[gap.Row] = true
	}

	unnamed := disagreement{}
	wrong := map[int]bool{}

	for where, all := range onNodes(peers(resolved)) {
		flows := expected(t, all)
		given := engine.ask(t, ask(resolved, all, networkPolicies(resolved)))
		require.Empty(t, given.Problem, where)

		for flow, want := range flows {
			got := given.isAllowed(flow)
			if got == want.isAllowed {
				continue
			}

			row := want.row
			if got && all[flow.from].name == "closed.vip" {
				row = 2 // what has the API server's address is let in as if it were that
			}

			wrong[row] = true

			if !named[row] {
				unnamed.add("%s: %s to %s at %v: allowed %t; the table has: %s", where, all[flow.from].name, all[flow.to].name, ports()[flow.at], got, want.text)
			}
		}
	}

	unnamed.report(t)

	for row := range named {
		_, isExplained := untold()[row]
		require.NotEqual(t, wrong[row], isExplained, "row %d: goes otherwise: %t", row, wrong[row])
	}

	for row := range untold() {
		require.True(t, named[row], "row %d is no gap", row)
	}
}

// networkPolicies are those of all tenants, as Kubernetes knows them.
func networkPolicies(resolved map[string]tenant.Resolved) []any {
	var policies []any

	for _, namespace := range slices.Sorted(maps.Keys(resolved)) {
		for _, one := range site().Kubernetes(resolved[namespace]) {
			one.TypeMeta = metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}
			policies = append(policies, one)
		}
	}

	return policies
}
