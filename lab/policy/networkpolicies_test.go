// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

const kindNetworkPolicy = "NetworkPolicy"

// gaps are the flows that go otherwise with NetworkPolicy than the table has it, where Cilium's engine judges: the lines have its
// form and say what becomes of flows of their rows. This engine knows nodes by what they are, and looks up no address of theirs.
const gaps = `
2  deny   host,api.host,api.node           */*                                *

5  allow  closed.vip                       */etcd,*/everything                *

11 deny   */toapi,*/everything             api.host,api.node                  6443

12 allow  */toapi,*/everything             closed.vip                         6443

15 deny   inner.pod,inner.nodepod,node     */exposed,*/ingress                *

16 allow  closed.vip                       */*                                *
`

// untold are the rows of Gaps on which this engine judges as the table does, and why another may not.
func untold() map[int]string {
	return map[int]string{
		14: "there are no Services here: only a cluster translates addresses",
	}
}

func TestNetworkPoliciesAreJudgedAsTheTableDoesButForTheirGaps(t *testing.T) {
	requireJudged(t, networkPolicies, expectedButForGaps)
}

// expectedButForGaps is the table, and the gaps for flows of their rows, each of which they must change.
func expectedButForGaps(t *testing.T, all []peer) map[flow]line {
	t.Helper()

	flows, gaps := expected(t, all), lines(t, gaps)

	for one, has := range flows {
		found := slices.IndexFunc(gaps, func(l line) bool {
			return l.row == has.row && l.matches(all[one.from].name, all[one.to].name, ports()[one.at])
		})
		if found < 0 {
			continue
		}

		require.NotEqual(t, has.isAllowed, gaps[found].isAllowed, "%s is no gap in: %s", gaps[found].text, has.text)
		flows[one] = gaps[found]
	}

	return flows
}

// A row is named where a flow of it goes otherwise, or would with another engine, and no other is.
func TestWhatNetworkPoliciesGetWrongIsNamedInTheirGaps(t *testing.T) {
	kubernetes := site()
	kubernetes.Enforces = policy.EnforcesKubernetes

	wrong := slices.Collect(maps.Keys(untold()))
	used := map[string]bool{}

	for _, line := range expectedButForGaps(t, peers(resolve(t))) {
		used[line.text] = true
	}

	for _, line := range lines(t, gaps) {
		require.True(t, used[line.text], "no flow is of this gap: %s", line.text)
		require.NotContains(t, untold(), line.row)

		wrong = append(wrong, line.row)
	}

	slices.Sort(wrong)

	var named []int
	for _, gap := range kubernetes.Gaps() {
		named = append(named, gap.Row)
	}

	require.Equal(t, slices.Compact(wrong), named)
}

// What a policy has no types for follows from its rules, or closes a direction to pods that are closed already. So each type but the
// only one of a policy is among the cuts.
func TestTypesOfNetworkPoliciesFollowFromTheirRules(t *testing.T) {
	requireJudged(t, func(resolved map[string]tenant.Resolved) []any {
		policies := plain(t, networkPolicies(resolved))
		for _, one := range policies {
			object := one.(map[string]any)
			spec := object["spec"].(map[string]any)
			require.NotEmpty(t, spec["policyTypes"])
			delete(spec, "policyTypes")
			object["spec"] = asKubernetesReads(spec)
		}

		return policies
	}, expectedButForGaps)
}

// asKubernetesReads is what becomes of a NetworkPolicy's spec without Cilium (API reference, policyTypes of NetworkPolicySpec): where
// there are no types the API server fills in Ingress, and Egress where it has rules; rules of a direction that is not among the types
// hold for nobody. Cilium goes by the rules where there are some, whatever the types.
func asKubernetesReads(spec map[string]any) map[string]any {
	read := maps.Clone(spec)
	types, _ := spec["policyTypes"].([]any)

	if len(types) == 0 {
		types = append(types, string(networkingv1.PolicyTypeIngress))
		if egress, _ := spec["egress"].([]any); len(egress) > 0 {
			types = append(types, string(networkingv1.PolicyTypeEgress))
		}
	}

	read["policyTypes"] = types

	for key, kind := range map[string]networkingv1.PolicyType{"ingress": networkingv1.PolicyTypeIngress, "egress": networkingv1.PolicyTypeEgress} {
		if !slices.Contains(types, any(string(kind))) {
			delete(read, key)
		}
	}

	return read
}

// networkPolicies are those of all tenants, as Kubernetes knows them.
func networkPolicies(resolved map[string]tenant.Resolved) []any {
	var policies []any

	for _, namespace := range slices.Sorted(maps.Keys(resolved)) {
		for _, one := range site().Kubernetes(resolved[namespace]) {
			one.TypeMeta = metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: kindNetworkPolicy}
			policies = append(policies, one)
		}
	}

	return policies
}
