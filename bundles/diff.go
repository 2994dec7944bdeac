// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What becomes of a package.
const (
	DiffAdd    = "add"    // it is not on the cluster
	DiffChange = "change" // its chart, values or settings are others
	DiffRepair = "repair" // it is as it was asked for, and not well
	DiffRemove = "remove" // the plan does not have it
	DiffKeep   = "keep"   // the plan does not have it, and an installation leaves it
)

// PackageDiff is how a package on the cluster differs from the plan.
type PackageDiff struct {
	Package string  `json:"package"`
	Change  string  `json:"change"`
	Reason  string  `json:"reason,omitempty"` // of a repair, of what is kept, or of a change that neither version nor values tell of
	Fields  []Field `json:"fields,omitempty"` // of a change, by path
	// Loses is what may be lost with a package that is kept for it, in words.
	Loses []string `json:"loses,omitempty"`
}

// Diff compares what is on the cluster with the plan, in its order, and then what it does not have, as an installation that accepts no
// loss would remove or keep it. What is equal is left out. A HelmRelease is compared with what a dry run of its change gives. Of the
// core, chart versions and values are compared; where those do not tell all, the objects that its release would have, made of the
// chart from shelf. Those of another version of a chart are not shown. Nothing is changed.
func (c *Cluster) Diff(ctx context.Context, plan *Plan, shelf *Shelf, statuses []PackageStatus) ([]PackageDiff, error) {
	installed, err := c.Installed(ctx)
	if err != nil {
		return nil, err
	}
	states := map[string]PackageStatus{}
	for _, status := range statuses {
		states[status.Name] = status
	}
	out := []PackageDiff{}
	for _, p := range plan.Packages {
		i := slices.IndexFunc(installed, func(one Installed) bool { return one.Name == p.Name })
		if states[p.Name].State == StatePresent {
			continue // by somebody else
		}
		if i < 0 {
			out = append(out, PackageDiff{Package: p.Name, Change: DiffAdd})
			continue
		}
		reason, fields, err := c.compare(ctx, plan, shelf, p, installed[i])
		if err != nil {
			return nil, fmt.Errorf("compare package %s: %w", p.Name, err)
		}
		switch status := states[p.Name]; {
		case len(fields) > 0 || reason != "":
			out = append(out, PackageDiff{Package: p.Name, Change: DiffChange, Reason: reason, Fields: fields})
		case status.State != StateReady:
			reason := strings.TrimSuffix(fmt.Sprintf("%s: %s", status.State, status.why()), ": ")
			out = append(out, PackageDiff{Package: p.Name, Change: DiffRepair, Reason: reason})
		}
	}
	removal, err := c.PlanRemoval(ctx, plan, RemovalWish{Off: true})
	if err != nil {
		return nil, err
	}
	return append(out, removal.diffs()...), nil
}

// diffs are the fates of what the plan does not have.
func (r *Removal) diffs() []PackageDiff {
	var out []PackageDiff
	for _, one := range r.Packages {
		out = append(out, PackageDiff{Package: one.Name, Change: DiffRemove})
	}
	for _, one := range r.Kept {
		out = append(out, PackageDiff{Package: one.Name, Change: DiffKeep, Reason: one.Reason(), Loses: one.Loses})
	}
	for _, name := range r.Others {
		out = append(out, PackageDiff{Package: name, Change: DiffKeep, Reason: "a change of the bundle or of this program left it: bundle remove takes it away"})
	}
	return out
}

// compare is empty where an installation would leave the release alone.
func (c *Cluster) compare(ctx context.Context, plan *Plan, shelf *Shelf, p Package, one Installed) (reason string, fields []Field, err error) {
	if plan.IsCore(p.Name) {
		return c.compareCore(ctx, shelf, p, one)
	}
	fields, err = c.compareRelease(ctx, plan, p, one)
	return "", fields, err
}

func (c *Cluster) compareRelease(ctx context.Context, plan *Plan, p Package, one Installed) ([]Field, error) {
	release, err := helmRelease(plan, p)
	if err != nil {
		return nil, err
	}
	object, err := toApply(release)
	if err != nil {
		return nil, err
	}
	after, err := c.dynamic.Resource(releases()).Namespace(p.Namespace).Apply(ctx, p.Name, object,
		metav1.ApplyOptions{FieldManager: fieldManager, Force: true, DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return nil, err
	}
	if one.release == nil { // a package of the core before
		return []Field{{Path: "installed by", Old: "the bastion (core)", New: "Flux"}}, nil
	}
	return compareFields(one.release.Spec, after.Object["spec"])
}

// compareFields compares two values as JSON has them.
func compareFields(before, after any) ([]Field, error) {
	was, err := plain(before)
	if err != nil {
		return nil, err
	}
	is, err := plain(after)
	if err != nil {
		return nil, err
	}
	return differences(was, is), nil
}

func plain(value any) (out any, err error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(data, &out)
	return out, err
}
