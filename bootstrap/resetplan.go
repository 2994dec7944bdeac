// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// ResetPlan is what a reset will do.
type ResetPlan struct {
	Site  string      `json:"site"`
	Nodes []ResetNode `json:"nodes"`
	// Order is how they go, by name: those of one group side by side, the next group when they were seen reset.
	Order [][]string `json:"order"`
	Risks []Risk     `json:"risks"`
}

// ResetNode is what a reset will do to a node.
type ResetNode struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Address string `json:"address"`
	State   string `json:"state"` // ours, maintenance or unreachable
	// Wipes are what is lost: partitions of the system disk, and whole disks. Empty: there is nothing to do.
	Wipes []string `json:"wipes,omitempty"`
	// Graceful says that it is drained and leaves etcd first.
	Graceful bool `json:"graceful"`

	node  site.Node
	disks []string // paths of user disks
}

// resetFacts are what a plan is made of.
type resetFacts struct {
	chosen []site.Node
	planes []site.Node // all control planes of the site
	states map[string]talos.State
	voters map[string]bool     // by control plane: a member with a vote; true where it is healthy
	disks  map[string][]string // user disks to wipe, by node
}

// planReset says what becomes of each node, and what may be lost.
func planReset(name string, f resetFacts, r ResetOptions) ResetPlan {
	plan := ResetPlan{Site: name}
	lastPlane := len(f.planes) > 0
	for _, plane := range f.planes {
		lastPlane = lastPlane && (contains(f.chosen, plane.Name) || f.states[plane.Name] == talos.Maintenance)
	}
	var wiped, replicas []string
	for _, node := range f.chosen {
		one := ResetNode{
			Name: node.Name, Role: node.Role, Address: node.Address.String(), State: string(f.states[node.Name]), node: node,
		}
		if f.states[node.Name] == talos.Ours {
			// Where no control plane stays there is nothing to drain to, and the last member can't leave etcd.
			one.Graceful = !r.Force && !lastPlane
			one.Wipes = []string{"EPHEMERAL (etcd, images, what pods keep on the system disk)"}
			if !r.KeepConfig {
				one.Wipes = append(one.Wipes, "STATE (the machine config)")
			}
			one.disks = f.disks[node.Name]
			one.Wipes = append(one.Wipes, one.disks...)
			wiped = append(wiped, node.Name)
			if len(one.disks) > 0 {
				replicas = append(replicas, fmt.Sprintf("%s (%s)", node.Name, strings.Join(one.disks, ", ")))
			}
		}
		plan.Nodes = append(plan.Nodes, one)
	}
	if len(wiped) > 0 {
		plan.Risks = append(plan.Risks, Risk{RiskDataLoss, "what pods keep on the system disks is wiped: " + strings.Join(wiped, ", ")})
	}
	if len(replicas) > 0 {
		plan.Risks = append(plan.Risks, Risk{RiskStorageReplicas, "disks with replicas of volumes are wiped whole: " + strings.Join(replicas, "; ")})
	}
	for _, group := range resetGroups(plan.Nodes) {
		var members []string
		for _, one := range group {
			members = append(members, one.Name)
		}
		plan.Order = append(plan.Order, members)
	}
	return withEtcdRisks(plan, f, r, lastPlane)
}

// withEtcdRisks adds the risks to etcd, if control planes are to be wiped.
func withEtcdRisks(plan ResetPlan, f resetFacts, r ResetOptions, lastPlane bool) ResetPlan {
	members, healthy, leaving := len(f.voters), 0, 0
	for name, well := range f.voters {
		switch {
		case contains(f.chosen, name) && f.states[name] == talos.Ours:
			leaving++
		case well:
			healthy++
		}
	}
	wipesPlane := slices.ContainsFunc(plan.Nodes, func(n ResetNode) bool { return n.Role == site.ControlPlane && len(n.Wipes) > 0 })
	switch {
	case !wipesPlane:
	case lastPlane:
		plan.Risks = append(plan.Risks, Risk{RiskLastControlPlane, "no control plane stays: the cluster ends, with everything in its etcd"})
	default:
		if !r.Force {
			members -= leaving // they leave the cluster, which gets smaller
		}
		if healthy < members/2+1 {
			plan.Risks = append(plan.Risks, Risk{RiskQuorumLoss, fmt.Sprintf(
				"etcd would have %d healthy of %d members, and stop: it takes a majority", healthy, members)})
		}
	}
	return plan
}

func contains(nodes []site.Node, name string) bool {
	return slices.ContainsFunc(nodes, func(n site.Node) bool { return n.Name == name })
}
