// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/cozystack/cozy-install/tenant"
)

// amounts reads pairs of keys and quantities.
func amounts(pairs ...string) map[string]resource.Quantity {
	all := map[string]resource.Quantity{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = resource.MustParse(pairs[i+1])
	}
	return all
}

// asJSON is amounts as a policy sees them.
func asJSON(all map[string]resource.Quantity) map[string]any {
	seen := map[string]any{}
	for key, amount := range all {
		seen[key] = amount.String()
	}
	return seen
}

// TestAdmissionOfWhatIsUsedAboveSpeaksAsTheRulesDo holds the policy against the controller's own answer, word by word.
func TestAdmissionOfWhatIsUsedAboveSpeaksAsTheRulesDo(t *testing.T) {
	p := readPolicy(t, "tenant-quota-uses.cozystack.io")
	verdicts := map[bool]int{}
	for _, above := range []tenant.Bounds{amounts("cpu", "10"), amounts("limits.cpu", "10"), amounts("pods", "10"), amounts("nvidia.com/gpu", "10")} {
		for key := range above {
			for _, held := range []string{"", "0", "3"} {
				for _, used := range []string{"0", "2500m", "4", "7", "9"} {
					for _, asked := range []string{"0", "1", "3", "3500m", "6", "7", "8"} {
						want, got := bothSay(t, p, key, above, held, used, asked)
						require.Equal(t, want, got, "%s: %s of %v, %s used, %q held", key, asked, above, used, held)
						verdicts[want == ""]++
					}
				}
			}
		}
	}
	require.Greater(t, verdicts[true], 50)
	require.Greater(t, verdicts[false], 50)
}

// bothSay is what the rules and the policy say of a tenant that asks for so much; held is empty if it is new.
func bothSay(t *testing.T, p policy, key string, above tenant.Bounds, held, used, asked string) (rules, door string) {
	t.Helper()
	if used == "2500m" && key != "cpu" && key != "limits.cpu" || asked == "3500m" && key != "cpu" && key != "limits.cpu" {
		used, asked = "2", "3" // what is counted is whole
	}
	a := tenant.Tenant{Namespace: "tenant-root", Name: "a", IsSettled: true, Bounds: above, Holds: above}
	b := tenant.Tenant{Namespace: "tenant-a", Name: "b"}
	if held != "" {
		b.IsSettled, b.Bounds, b.Holds = true, amounts(key, held), amounts(key, held)
	}
	tree := []tenant.Tenant{{Namespace: "tenant-root", Name: "root", Host: "example.org"}, a, b}
	before, _ := tenant.Resolve(tree)
	hard := before["tenant-a"].Quota.Own().Hard()
	tree[1].Uses, tree[2].Bounds = amounts(key, used), amounts(key, asked)
	resolved, refused := tenant.Resolve(tree)
	switch declined := resolved["tenant-a-b"].Quota.Declined; {
	case len(refused) > 0:
		rules = asAdmissionSays(refused[0])
	case declined != nil:
		rules = asAdmissionSays(declined)
	}
	input := limited(before["tenant-a"], "b", map[string]any{"resourceQuotas": asJSON(b.Bounds)}, nil)
	counted := map[string]resource.Quantity{}
	for name := range hard {
		counted[name] = resource.MustParse(used)
	}
	input["object"].(map[string]any)["spec"] = map[string]any{"resourceQuotas": asJSON(tree[2].Bounds)}
	input["params"] = map[string]any{"spec": map[string]any{"hard": asJSON(hard)}, "status": map[string]any{"used": asJSON(counted)}}
	if held != "" {
		changed(input, map[string]any{"resourceQuotas": asJSON(b.Bounds)}, map[string]any{"quota": map[string]any{"bounds": asJSON(b.Holds)}})
	}
	return rules, p.judge(t, input)
}

func TestAdmissionOfWhatIsUsedAboveIsNeverStricterThanTheRules(t *testing.T) {
	p := readPolicy(t, "tenant-quota-uses.cozystack.io")
	judged := func(wanted, hard, used map[string]any) string {
		input := creation("tenant-a", "b", nil)
		input["object"].(map[string]any)["spec"] = map[string]any{"resourceQuotas": wanted}
		input["params"] = map[string]any{"spec": map[string]any{"hard": hard}, "status": map[string]any{"used": used}}
		return p.judge(t, input)
	}
	both := map[string]any{"requests.cpu": "10", "limits.cpu": "4"} // cpu: 10, limits.cpu: 4
	require.Empty(t, judged(map[string]any{"cpu": int64(6), "limits.cpu": "1"}, both, map[string]any{"requests.cpu": "1", "limits.cpu": "3"}))
	require.Contains(t, judged(map[string]any{"cpu": int64(6), "limits.cpu": "2"}, both, map[string]any{"requests.cpu": "1", "limits.cpu": "3"}),
		`spec.resourceQuotas[limits.cpu]: "2": 4 is left of what the tenant above may use, and the tenant above uses 3 of it itself`)
	require.Empty(t, judged(map[string]any{"cpu": "6"}, both, map[string]any{}), "nothing was counted yet")
	require.Empty(t, judged(map[string]any{"pods": "6"}, both, both), "the tenant above bounds no pods")
	require.Empty(t, judged(map[string]any{}, both, both))
}
