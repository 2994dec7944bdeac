// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

func TestVerdictsAreThoseOfTheTable(t *testing.T) {
	all := peers(resolve(t))
	wrong := disagreement{}

	for flow, want := range expected(t, all) {
		at := ports()[flow.at]
		got := site().Verdict(policy.Flow{
			From: all[flow.from].rules, To: all[flow.to].rules, Protocol: corev1.Protocol(at.Protocol), Port: at.Number,
		})

		if got.Row != want.row || got.IsAllowed != want.isAllowed {
			wrong.add("%s to %s at %v: row %d, allowed %t (%s); the table has: %s",
				all[flow.from].name, all[flow.to].name, at, got.Row, got.IsAllowed, got.Why, want.text)
		}
	}

	wrong.report(t)
}

// What people are told of either end must not differ from what Cilium does there.
func TestBothSidesTogetherAreThoseOfTheTable(t *testing.T) {
	all := peers(resolve(t))
	wrong := disagreement{}

	for flow, want := range expected(t, all) {
		at := ports()[flow.at]
		leaves, enters := site().Sides(policy.Flow{
			From: all[flow.from].rules, To: all[flow.to].rules, Protocol: corev1.Protocol(at.Protocol), Port: at.Number,
		})

		if got := leaves.IsOpen && enters.IsOpen; got != want.isAllowed {
			wrong.add("%s to %s at %v: leaves %t %q, enters %t %q; the table has: %s", all[flow.from].name, all[flow.to].name, at,
				leaves.IsOpen, leaves.Rules, enters.IsOpen, enters.Rules, want.text)
		}
	}

	wrong.report(t)
}

func TestCiliumJudgesAsTheTableDoes(t *testing.T) {
	requireJudged(t, ciliumPolicies, expected)
}

// requireJudged has the engine judge every flow by policies, and wants what the table or another list of flows has.
func requireJudged(
	t *testing.T, policies func(map[string]tenant.Resolved) []any, want func(*testing.T, []peer) map[flow]line,
) {
	t.Helper()

	resolved := resolve(t)
	engine := startEngine(t)

	for name, all := range onNodes(peers(resolved)) {
		given := engine.ask(t, ask(resolved, all, policies(resolved)))
		require.Empty(t, given.Problem, name)

		compare(all, want(t, all), given).report(t)
	}
}

// onNodes are the peers as pods meet them that run beside the API server, and on other nodes: the host is one or the other.
func onNodes(all []peer) map[string][]peer {
	without := func(name string) []peer {
		return slices.DeleteFunc(slices.Clone(all), func(p peer) bool { return p.name == name })
	}

	return map[string][]peer{"on a control plane": without("host"), "on a worker": without("api.host")}
}

// ask is the question about all flows of the tree under some policies.
func ask(resolved map[string]tenant.Resolved, all []peer, policies []any) question {
	q := question{Policies: policies, Namespaces: namespaces(resolved), Ports: ports()}
	for _, one := range all {
		q.Peers = append(q.Peers, one.asked)
	}

	return q
}

func ciliumPolicies(resolved map[string]tenant.Resolved) []any {
	policies := []any{site().CiliumCluster().Object}
	for _, namespace := range slices.Sorted(maps.Keys(resolved)) {
		policies = append(policies, policy.CiliumTenant(resolved[namespace]).Object)

		if services, isNeeded := policy.CiliumServices(resolved[namespace]); isNeeded {
			policies = append(policies, services.Object)
		}
	}

	return policies
}

func compare(all []peer, flows map[flow]line, given answer) *disagreement {
	wrong := &disagreement{}

	for flow, want := range flows {
		if got := given.isAllowed(flow); got != want.isAllowed {
			wrong.add("%s to %s at %v: allowed %t; the table has: %s", all[flow.from].name, all[flow.to].name, ports()[flow.at], got, want.text)
		}
	}

	return wrong
}

// disagreement is which flows go otherwise than the table has it.
type disagreement []string

func (d *disagreement) add(format string, values ...any) {
	*d = append(*d, fmt.Sprintf(format, values...))
}

func (d *disagreement) report(t *testing.T) {
	t.Helper()

	slices.Sort(*d)

	const shown = 20
	require.Empty(t, strings.Join((*d)[:min(shown, len(*d))], "\n"), "%d flows go otherwise than the table has it", len(*d))
}
