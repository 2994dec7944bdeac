// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"slices"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
)

// PlanRemoval decides what will be taken away, without changing anything. The error is an *EnabledError or an
// *UnknownPackagesError where names are not those of packages to remove. One that is known and not on the cluster has been
// removed already.
func (c *Cluster) PlanRemoval(ctx context.Context, plan *Plan, wish RemovalWish) (*Removal, error) {
	installed, err := c.Installed(ctx)
	if err != nil {
		return nil, err
	}
	var candidates []candidate
	var staying []Installed
	for _, one := range installed {
		if plan.has(one) {
			staying = append(staying, one)
			continue
		}
		candidates = append(candidates, candidate{Installed: one, needs: c.needsOf(one), asked: wish.means(plan, one)})
	}
	if err := c.checkNames(plan, candidates, wish.Names); err != nil {
		return nil, err
	}
	losses := &losses{cluster: c, plan: plan}
	for _, one := range candidates {
		if one.asked {
			losses.leaving = append(losses.leaving, one.Installed)
		}
	}
	for i := range candidates {
		if !candidates[i].asked {
			continue
		}
		if candidates[i].loses, candidates[i].kinds, err = losses.of(ctx, candidates[i].Installed); err != nil {
			return nil, err
		}
	}
	needed := map[string][]string{}
	for _, one := range staying {
		for _, name := range one.DependsOn {
			needed[name] = append(needed[name], one.Name)
		}
	}
	out := decide(candidates, needed, wish)
	ours, err := c.ourNamespaces(ctx)
	if err != nil {
		return nil, err
	}
	out.Namespaces = emptied(out.Packages, installed, plan, ours)
	return out, nil
}

// has reports whether the plan installs that package, at that place.
func (p *Plan) has(one Installed) bool {
	return slices.ContainsFunc(p.Packages, func(q Package) bool {
		return q.Name == one.Name && q.Namespace == one.Namespace && q.Release == one.Release
	})
}

// means reports whether a package that the plan does not have is one to take away.
func (w RemovalWish) means(plan *Plan, one Installed) bool {
	foreign := one.Bundle != plan.Bundle && one.Bundle != ""
	if w.Off && (!slices.Contains(plan.Off, one.Name) || foreign || one.fromHere) {
		return false
	}
	return len(w.Names) == 0 || slices.Contains(w.Names, one.Name)
}

func (c *Cluster) checkNames(plan *Plan, candidates []candidate, names []string) error {
	enabled, unknown := &EnabledError{Bundle: plan.Bundle}, &UnknownPackagesError{}
	for _, one := range candidates {
		unknown.Installed = append(unknown.Installed, one.Name)
	}
	for _, name := range names {
		_, known := c.catalog.Package(name)
		switch {
		case slices.Contains(unknown.Installed, name):
		case slices.ContainsFunc(plan.Packages, func(p Package) bool { return p.Name == name }):
			enabled.Names = append(enabled.Names, name)
		case !known:
			unknown.Names = append(unknown.Names, name)
		}
	}
	switch {
	case len(unknown.Names) > 0:
		return unknown
	case len(enabled.Names) > 0:
		return enabled
	}
	return nil
}

// needsOf are the packages that one came after: as the cluster has it, and as the package file says.
func (c *Cluster) needsOf(one Installed) []string {
	out := slices.Clone(one.DependsOn)
	if p, ok := c.catalog.Package(one.Name); ok {
		out = append(out, edgesOf(p)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// emptied are those of our namespaces that neither the plan nor what stays on the cluster uses.
func emptied(leaving []Leaving, installed []Installed, plan *Plan, ours map[string]bool) []string {
	used := map[string]bool{ChartsNamespace: true}
	for _, p := range plan.Packages {
		used[p.Namespace] = true
	}
	for _, one := range installed {
		if !slices.ContainsFunc(leaving, func(l Leaving) bool { return l.Name == one.Name && l.Namespace == one.Namespace }) {
			used[one.Namespace] = true
		}
	}
	var out []string
	for _, one := range leaving {
		if ours[one.Namespace] && !used[one.Namespace] && !slices.Contains(out, one.Namespace) {
			out = append(out, one.Namespace)
		}
	}
	return out
}

// removalMessage is what Flux says of a HelmRelease that is being deleted.
func removalMessage(r *helmv2.HelmRelease) string {
	for _, kind := range []string{helmv2.ReleasedCondition, meta.ReadyCondition} {
		if c := apimeta.FindStatusCondition(r.Status.Conditions, kind); c != nil && c.Reason == helmv2.UninstallFailedReason {
			return c.Message
		}
	}
	// It does not break off an attempt whose package does not become ready: that may take the whole time of one.
	ready := apimeta.FindStatusCondition(r.Status.Conditions, meta.ReadyCondition)
	if ready != nil && ready.Reason == meta.ProgressingReason && ready.Message != looksAgain {
		return "Flux uninstalls it when its last attempt has ended: " + ready.Message
	}
	return "Flux uninstalls it"
}
