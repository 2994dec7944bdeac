// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/lab/policy/engine"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// measurePolicies has Cilium's engine count what policies of trees of each size cost the agent of a node.
func measurePolicies(ctx context.Context, o options, out io.Writer) (missed, failed error) {
	site, err := policy.ReadSite([]byte(siteFile))
	if err != nil {
		return nil, err
	}

	running, err := engine.Start(ctx, func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return nil, err
	}
	defer func() { failed = errors.Join(failed, running.Close()) }()

	var over []error

	for _, kind := range landscapes() {
		var all costs

		for _, size := range o.sizes {
			given, err := running.Ask(kind.question(site, forest{size}))
			if err != nil {
				return nil, err
			}

			if given.Problem != "" {
				return nil, fmt.Errorf("the policies of %d tenants: %s", size, given.Problem)
			}

			all = append(all, cost{size, given.Counted})
		}

		fmt.Fprintf(out, "\n%s:\n%s", kind.text, all)
		over = append(over, all.missed(kind))
	}

	return errors.Join(over...), nil
}

// landscape is who runs services in a tree.
type landscape struct {
	text string
	// runs are those of each tenant below the root, which runs all of them.
	runs tenant.Flags
	// limit is what one tenant may add.
	limit engine.Counted
}

func landscapes() []landscape {
	return []landscape{
		{"Tenants that use the root's services", tenant.Flags{}, engine.Counted{Rules: 2, Subjects: 2, Peers: 2}},
		{"Tenants that run all services of their own", everything(), engine.Counted{Rules: 14, Subjects: 11, Peers: 12}},
	}
}

func everything() (all tenant.Flags) {
	for _, service := range tenant.Services() {
		all[service] = true
	}

	return all
}

// question is about a node on which each kind of pod of each tenant runs: an agent holds the selectors of those that do.
func (l landscape) question(site policy.Site, trees forest) engine.Question {
	tree := []tenant.Tenant{{Namespace: tenant.RootNamespace, Name: tenant.RootName, Runs: everything()}}
	for i := range trees.size {
		tree = append(tree, tenant.Tenant{Namespace: trees.home(i), Name: trees.name(i), Runs: l.runs})
	}

	resolved, _ := tenant.Resolve(tree) // nothing in it can be refused
	asked := engine.Question{Count: true, Namespaces: map[string]map[string]string{}, Policies: []any{site.CiliumCluster().Object}}

	for _, namespace := range slices.Sorted(maps.Keys(resolved)) {
		one := resolved[namespace]
		asked.Namespaces[namespace] = one.Labels()
		asked.Policies = append(asked.Policies, policy.CiliumTenant(one).Object)

		if services, isNeeded := policy.CiliumServices(one); isNeeded {
			asked.Policies = append(asked.Policies, services.Object)
		}

		for _, labels := range podsOf(one) {
			asked.Peers = append(asked.Peers, engine.Peer{Namespace: namespace, Labels: labels})
		}
	}

	return asked
}

// podsOf are the labels of pods that, together, each rule of the tenant holds for.
func podsOf(one tenant.Resolved) []map[string]string {
	pods := []map[string]string{{
		policy.LabelExpose: "true", policy.LabelAllowToEtcd: "true", policy.LabelAllowToAPIServer: "true",
	}}

	parts := map[tenant.Service][]string{
		tenant.Etcd: {policy.PartEtcd}, tenant.Monitoring: {policy.PartVMInsert, policy.PartVLInsert, policy.PartVMAgent},
		tenant.Ingress: {policy.PartIngress}, tenant.SeaweedFS: {policy.PartSeaweedFS},
	}
	for _, service := range tenant.Services() {
		if one.Services[service].Source == tenant.Own {
			for _, part := range parts[service] {
				pods = append(pods, map[string]string{policy.LabelService: part})
			}
		}
	}

	return pods
}

// cost is what the policies of a number of tenants cost.
type cost struct {
	size int
	engine.Counted
}

// costs are those of trees by size.
type costs []cost

func (c costs) String() string {
	var out strings.Builder

	fmt.Fprint(&out, "\n| tenants | rules | each | selectors of pods that rules hold for | each | selectors of other ends, in the selector cache | each | ",
		"entries of the largest policy map |\n|", strings.Repeat("---|", 8), "\n")

	for _, one := range c {
		each := func(of int) float64 { return float64(of) / float64(one.size) }
		fmt.Fprintf(&out, "| %d | %d | %.2f | %d | %.2f | %d | %.2f | %d |\n", one.size, one.Rules, each(one.Rules), one.Subjects, each(one.Subjects),
			one.Peers, each(one.Peers), one.Largest)
	}

	return out.String()
}

// maxConstant is how many rules, and how many selectors, there may be that are of no tenant or of the root.
const maxConstant = 25

// missed is nil if each tenant adds no more than its limit, however many there are.
func (c costs) missed(kind landscape) error {
	var all []error

	for _, one := range c {
		for _, counted := range []struct {
			what         string
			found, limit int
		}{
			{"rules", one.Rules, kind.limit.Rules},
			{"selectors of pods that rules hold for", one.Subjects, kind.limit.Subjects},
			{"selectors in Cilium's cache", one.Peers, kind.limit.Peers},
		} {
			if limit := maxConstant + one.size*counted.limit; counted.found > limit {
				all = append(all, fmt.Errorf("%s: %d %s for %d tenants, the limit is %d for each and %d", kind.text, counted.found, counted.what,
					one.size, counted.limit, maxConstant))
			}
		}
	}

	return errors.Join(all...)
}
