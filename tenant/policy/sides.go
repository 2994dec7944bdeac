// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// Side is what the policies at one end of a flow say of it.
type Side struct {
	// IsHeld says whether the end is a pod of a tenant. Policies of tenants hold nothing else, and let it pass.
	IsHeld bool
	// IsOpen says whether the flow may pass.
	IsOpen bool
	// Rules describe those that let it pass. Empty where it is closed, or held by none.
	Rules []string
}

// Sides reads off the policies, as they are made for Cilium, whether a flow may leave its source and enter its destination: it is
// allowed where both are open. It knows nothing of Verdict, which must come to the same. An address and a node count as what they
// are as an end of the flow; a flow that names no port, with 0, is let pass by rules only that open all of them.
func (s Site) Sides(flow Flow) (leaves, enters Side) {
	leaves, enters = Side{IsOpen: true}, Side{IsOpen: true}

	if flow.From.ofTenant() {
		leaves = s.side(flow.From, func(rule ciliumRule) []ciliumPeers { return rule.Egress }, flow, flow.To)
	}

	if flow.To.ofTenant() {
		enters = s.side(flow.To, func(rule ciliumRule) []ciliumPeers { return rule.Ingress }, flow, flow.From)
	}

	return leaves, enters
}

// side asks all rules that select a pod about a flow with a peer.
func (s Site) side(pod Peer, direction func(ciliumRule) []ciliumPeers, flow Flow, peer Peer) Side {
	side := Side{IsHeld: true}
	labels := pod.ciliumLabels()

	for _, rule := range slices.Concat(s.ciliumClusterRules(), ciliumTenantRules(*pod.Tenant), ciliumUsed(*pod.Tenant)) {
		if selects(rule.Of, labels) && slices.ContainsFunc(direction(rule), func(p ciliumPeers) bool { return p.holds(flow, peer) }) {
			side.IsOpen = true
			side.Rules = append(side.Rules, rule.Description)
		}
	}

	return side
}
