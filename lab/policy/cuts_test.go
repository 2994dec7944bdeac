// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// Without any one policy, any one rule, also where it is the only one of its direction, and any one of several peers, ports and
// values in it, some flow goes otherwise than the table has it; of the policy of the cluster no part at all can be left out. What is left
// may also be refused by Cilium, as a rule of neither direction is. So nothing in the policies is there for nothing, and nothing that
// could be lost would be missed by the table. What narrows the one end of a flow within tenants narrows the other too, and may be
// lost at one of them: only the policy of the cluster stands alone.
func TestNothingCanBeLeftOutOfThePolicies(t *testing.T) {
	resolved := resolve(t)

	all := cuts(plain(t, ciliumPolicies(resolved)))
	require.Greater(t, len(all), 150)
	requireEachIsNoticed(t, resolved, all, expected)
}

// The same without Cilium, where the table is departed from in the gaps and nowhere else.
func TestNothingCanBeLeftOutOfTheNetworkPolicies(t *testing.T) {
	resolved := resolve(t)

	all := cuts(plain(t, networkPolicies(resolved)))
	require.Greater(t, len(all), 300)
	requireEachIsNoticed(t, resolved, all, expectedButForGaps)
}

// requireEachIsNoticed has the engine judge the flows by each of the cuts, which must not all go as they are expected to.
func requireEachIsNoticed(
	t *testing.T, resolved map[string]tenant.Resolved, cuts []cut, expected func(*testing.T, []peer) map[flow]line,
) {
	t.Helper()
	t.Logf("%d cuts", len(cuts))

	engine := startEngine(t)

	var places []place
	for _, all := range onNodes(peers(resolved)) {
		places = append(places, place{all, expected(t, all)})
	}

	for _, cut := range cuts {
		isNoticed := slices.ContainsFunc(places, func(p place) bool {
			given := engine.ask(t, ask(resolved, p.peers, cut.policies))

			return given.Problem != "" || p.isOtherwise(given)
		})
		if !isNoticed {
			t.Errorf("nobody notices that %s is cut out", cut.path)
		}
	}
}

// place is where pods run, and what the table says there.
type place struct {
	peers []peer
	flows map[flow]line
}

func (p place) isOtherwise(given answer) bool {
	for flow, want := range p.flows {
		if given.isAllowed(flow) != want.isAllowed {
			return true
		}
	}

	return false
}

// plain makes everything of maps and lists.
func plain(t *testing.T, policies []any) []any {
	t.Helper()

	text, err := json.Marshal(policies)
	require.NoError(t, err)

	var copied []any
	require.NoError(t, json.Unmarshal(text, &copied))

	return copied
}

// cut is all policies but for one part of one of them.
type cut struct {
	path     string
	policies []any
}

// cuts are each policy, and what is below its rules: everything of that of the cluster, of others what is one of several.
func cuts(policies []any) []cut {
	var all []cut

	for i, one := range policies {
		object := one.(map[string]any)
		metadata := object["metadata"].(map[string]any)
		name := fmt.Sprint(object["kind"], " ", metadata["namespace"], "/", metadata["name"])
		all = append(all, cut{name, slices.Delete(slices.Clone(policies), i, i+1)})

		rules := "specs" // of Cilium
		if object["kind"] == kindNetworkPolicy {
			rules = "spec"
		}

		for path, left := range without(object[rules], metadata["name"] == policy.ClusterName) {
			if spec, isSpec := left.(map[string]any); isSpec {
				left = asKubernetesReads(spec)
			}

			mutilated := maps.Clone(object)
			mutilated[rules] = left
			changed := slices.Clone(policies)
			changed[i] = mutilated
			all = append(all, cut{name + path, changed})
		}
	}

	return all
}

// without yields each value that is left when one part of a value is taken out, with the path of that part: everything, or
// only what is one of several in a list, and the only rule of a direction. Descriptions stay.
func without(value any, everything bool) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		switch value := value.(type) {
		case map[string]any:
			withoutKey(value, everything, yield)
		case []any:
			withoutItem(value, everything, yield)
		}
	}
}

func withoutKey(value map[string]any, everything bool, yield func(string, any) bool) {
	for _, key := range slices.Sorted(maps.Keys(value)) {
		if key == "description" {
			continue
		}

		left := maps.Clone(value)
		delete(left, key)

		if (everything || isDirection(key)) && !yield("."+key, left) {
			return
		}

		for path, part := range parts(key, value[key], everything) {
			changed := maps.Clone(value)
			changed[key] = part

			if !yield("."+key+path, changed) {
				return
			}
		}
	}
}

func isDirection(key string) bool { return key == "ingress" || key == "egress" }

// parts yields what is left of a field. The only rule of a direction is emptied too: to Cilium it is nobody's then and still holds
// its pods, to Kubernetes it is everybody's.
func parts(key string, value any, everything bool) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if rules, isList := value.([]any); isList && len(rules) == 1 && isDirection(key) && !yield("[0] emptied", []any{map[string]any{}}) {
			return
		}

		without(value, everything)(yield)
	}
}

func withoutItem(value []any, everything bool, yield func(string, any) bool) {
	for i := range value {
		place := fmt.Sprintf("[%d]", i)
		if (everything || len(value) > 1) && !yield(place, slices.Delete(slices.Clone(value), i, i+1)) {
			return
		}

		for path, part := range without(value[i], everything) {
			changed := slices.Clone(value)
			changed[i] = part

			if !yield(place+path, changed) {
				return
			}
		}
	}
}
