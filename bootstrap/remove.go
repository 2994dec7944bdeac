// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
)

// RemoveOptions say which packages to take away, and what was agreed to.
type RemoveOptions struct {
	Packages []string // names; empty: all that are on the cluster and not in the site file's bundle
	Accept   []string // names of risks
	// Confirm is asked before anything is done, if there is anything to do. Its error ends the removal. Nil: nobody is asked.
	Confirm func(RemovalPlan) error
}

// RemovalPlan is what a removal will do.
type RemovalPlan struct {
	Site string `json:"site"`
	bundles.Removal
	// Risks are what may be lost: by what goes, and was accepted.
	Risks []Risk `json:"risks,omitempty"`
}

// RemovalResult is what became of it.
type RemovalResult struct {
	RemovalPlan
	Phases []phase.Result `json:"phases"`
	// Complete says that nothing is left on the cluster that was to go.
	Complete bool `json:"complete"`
}

// PlanRemoval says what RemovePackages would do, changing nothing.
func PlanRemoval(ctx context.Context, o Options, r RemoveOptions) (RemovalPlan, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return RemovalPlan{}, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return RemovalPlan{}, err
	}
	plan, err := b.planRemoval(ctx, bundles.RemovalWish{Names: r.Packages, AcceptLoss: slices.Contains(r.Accept, RiskDataLoss)})
	return b.removalPlan(plan), err
}

// RemovePackages takes packages away that are on the cluster and not in the site file's bundle, and waits until they are gone. A
// *KeptError says that some stay. What was asked for by name is refused as a whole if any of it has to stay.
func RemovePackages(ctx context.Context, o Options, r RemoveOptions) (out RemovalResult, err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := newBringup(o, dir)
	if err != nil {
		return out, err
	}
	plan, err := b.planRemoval(ctx, bundles.RemovalWish{Names: r.Packages, AcceptLoss: slices.Contains(r.Accept, RiskDataLoss)})
	if err != nil {
		return out, err
	}
	kept := keptError(plan.Kept)
	out.RemovalPlan = b.removalPlan(plan)
	if len(r.Packages) > 0 && kept != nil {
		return out, kept
	}
	if len(plan.Packages) > 0 {
		if err := confirmed(r.Confirm, out.RemovalPlan); err != nil {
			return out, err
		}
	}
	out.Phases, err = phase.Runner{Reporter: o.Reporter}.Run(ctx, []phase.Phase{{
		ID: "remove", Title: "remove packages",
		RunItems: func(ctx context.Context, tell phase.Tell) error { return b.remove(ctx, plan, tell) },
	}})
	out.Complete = err == nil && kept == nil
	return out, errors.Join(err, kept)
}

func (b *bringup) removalPlan(plan *bundles.Removal) RemovalPlan {
	out := RemovalPlan{Site: b.site.Metadata.Name}
	if plan == nil {
		return out
	}
	out.Removal = *plan
	var lost []string
	for _, one := range plan.Packages {
		if len(one.Loses) > 0 {
			lost = append(lost, one.Name+": "+strings.Join(one.Loses, "; "))
		}
	}
	if len(lost) > 0 {
		out.Risks = []Risk{{RiskDataLoss, strings.Join(lost, "; ")}}
	}
	return out
}

func (b *bringup) planRemoval(ctx context.Context, wish bundles.RemovalWish) (*bundles.Removal, error) {
	cluster, err := b.installedCluster()
	if err != nil {
		return nil, err
	}
	return cluster.PlanRemoval(ctx, b.plan, wish)
}

// remove tells of each package in its turn, what is waited for included.
func (b *bringup) remove(ctx context.Context, plan *bundles.Removal, tell phase.Tell) error {
	cluster, err := b.installedCluster()
	if err != nil {
		return err
	}
	report, current := reportTo(tell), bundles.PackageStatus{}
	await := func(ctx context.Context, title string, timeout time.Duration, probe func(context.Context) error) error {
		return wait.Until(ctx, wait.Check{
			Title: title, Timeout: timeout, ProbeTimeout: askTimeout, Probe: probe, Failed: func(reason error) {
				if current.State == bundles.StateRemoving {
					report(bundles.PackageStatus{Name: current.Name, State: current.State, Message: reason.Error()})
				}
			},
		})
	}
	return cluster.Remove(ctx, b.plan, plan, await, func(status bundles.PackageStatus) {
		current = status
		report(status)
	})
}

// installedCluster looks at what is installed, as against what the plan says.
func (b *bringup) installedCluster() (*bundles.Cluster, error) {
	client, err := b.kube()
	if err != nil {
		return nil, err
	}
	catalog, err := bundles.Load(bundles.Data())
	if err != nil {
		return nil, err
	}
	return bundles.NewCluster(client.Config, catalog, b.log)
}

// KeptError says which packages stay on the cluster although the site file does not have them.
type KeptError struct{ Kept []bundles.Kept }

func keptError(kept []bundles.Kept) error {
	if len(kept) == 0 {
		return nil
	}
	return &KeptError{kept}
}

func (e *KeptError) Error() string {
	lines := make([]string, len(e.Kept))
	for i, one := range e.Kept {
		lines[i] = one.Name + " (" + one.Reason() + ")"
	}
	return "not removed, although the site file does not have them: " + strings.Join(lines, ", ")
}

// Hint says how to remove them all the same.
func (e *KeptError) Hint() string {
	var lost, needed []string
	for _, one := range e.Kept {
		if len(one.Loses) > 0 {
			lost = append(lost, one.Name)
		}
		needed = append(needed, one.NeededBy...)
	}
	if len(lost) > 0 {
		return removeLossy(lost)
	}
	slices.Sort(needed)
	return "bring the others to what the site file says first (cozy-install bundle install), or remove these with them: " +
		strings.Join(slices.Compact(needed), ", ")
}

// removeLossy is how packages go for which something may be lost.
func removeLossy(names []string) string {
	return fmt.Sprintf("save what they hold; then, if that is what you want: cozy-install bundle remove %s --accept-risk %s",
		strings.Join(names, " "), RiskDataLoss)
}
