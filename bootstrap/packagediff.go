// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// InstallBundle brings the packages of a running cluster to what the site file says, and removes what it disables: the phases of
// Up that do so, and nothing else of it.
func InstallBundle(s *site.Site) Work {
	return Work{
		title: "install bundle " + s.Bundle, installs: true,
		list: func(b *bringup) ([]phase.Phase, error) {
			if b.site.Hosted() {
				return []phase.Phase{b.reachCluster(), b.installCore(), b.installPackages()}, nil
			}
			return []phase.Phase{b.installCore(), b.installPackages()}, nil
		},
	}
}

// DiffBundle says how the packages on the cluster differ from the site file. Nothing is changed.
func DiffBundle(ctx context.Context, o Options) ([]bundles.PackageDiff, error) {
	b, err := planning(ctx, o)
	if err != nil {
		return nil, err
	}
	cluster, err := b.installedCluster()
	if err != nil {
		return nil, err
	}
	if err := b.takeChartSource(ctx); err != nil {
		return nil, err
	}
	if b.site.Hosted() {
		if err := b.assertStorageClass(ctx, b.cluster); err != nil {
			if missing := (*StorageClassError)(nil); errors.As(err, &missing) {
				return nil, err
			}
			return nil, b.cluster.Answered(err)
		}
		if _, err := b.takeIsolation(ctx, b.cluster); err != nil {
			return nil, b.cluster.Answered(err)
		}
	}
	statuses, err := b.readPackages(ctx, b.cluster)
	if err != nil {
		return nil, b.cluster.Answered(err)
	}
	var states []bundles.PackageStatus
	for _, status := range statuses {
		states = append(states, status)
	}
	return cluster.Diff(ctx, b.plan, b.shelf, states)
}

// DifferentPackagesError says which packages are not as the site file has them.
type DifferentPackagesError struct {
	Packages []string
	Lossy    []string // those of them that an installation keeps for what may be lost with them
}

func (e *DifferentPackagesError) Error() string {
	return "not as the site file has them: " + strings.Join(e.Packages, ", ")
}

// Hint says what takes away what an installation does not.
func (e *DifferentPackagesError) Hint() string {
	if len(e.Lossy) == 0 {
		return ""
	}
	return removeLossy(e.Lossy)
}

// DifferentPackages is the error of a comparison; nil: all are as they should be.
func DifferentPackages(diffs []bundles.PackageDiff) error {
	if len(diffs) == 0 {
		return nil
	}
	e := &DifferentPackagesError{}
	for _, d := range diffs {
		e.Packages = append(e.Packages, d.Package)
		if len(d.Loses) > 0 {
			e.Lossy = append(e.Lossy, d.Package)
		}
	}
	return e
}

// PackageRow is one package, in the plan or only on the cluster.
type PackageRow struct {
	PackageStatus
	// Planned says that the site file has it.
	Planned bool      `json:"planned"`
	Chart   string    `json:"chart,omitempty"` // version that runs
	Since   time.Time `json:"since,omitzero"`  // when that was deployed
}

// BundleStatus is how the packages of a site are.
type BundleStatus struct {
	Site     string       `json:"site"`
	Bundle   string       `json:"bundle"`
	Packages []PackageRow `json:"packages"`
	// Healthy says that all that the site file has are ready, and that nothing else is there.
	Healthy bool `json:"healthy"`
}

// LookAtBundle observes the packages of a site, those included that it does not have any more. Nothing is changed.
func LookAtBundle(ctx context.Context, o Options) (BundleStatus, error) {
	b, err := reading(o)
	if err != nil {
		return BundleStatus{}, err
	}
	cluster, err := b.installedCluster()
	if err != nil {
		return BundleStatus{}, err
	}
	installed, err := cluster.Installed(ctx)
	if err != nil {
		return BundleStatus{}, b.cluster.Answered(err)
	}
	out := BundleStatus{Site: b.site.Metadata.Name, Bundle: b.plan.Bundle, Healthy: true}
	planned := map[string]int{}
	for i, status := range b.packageStatuses(ctx, b.cluster, nil) {
		planned[status.Name] = i
		out.Packages = append(out.Packages, PackageRow{PackageStatus: status, Planned: true})
	}
	for _, one := range installed {
		i, isPlanned := planned[one.Name]
		if !isPlanned {
			i = len(out.Packages)
			status := PackageStatus{Name: one.Name, State: string(one.State), Message: one.Message}
			out.Packages = append(out.Packages, PackageRow{PackageStatus: status})
		}
		out.Packages[i].Chart, out.Packages[i].Since = one.Chart, one.Since
	}
	for _, row := range out.Packages {
		out.Healthy = out.Healthy && row.Ready && row.Planned
	}
	return out, ctx.Err()
}
