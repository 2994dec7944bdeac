// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
)

// Outcome is what a bring-up leaves behind.
type Outcome struct {
	Site       string         `json:"site"`
	Bundle     string         `json:"bundle"`
	Phases     []phase.Result `json:"phases"`
	Packages   []string       `json:"packages"`
	Kubeconfig string         `json:"kubeconfig"`
	// Applied is what became of each node that was to be given its config, by role and name. Empty if none was.
	Applied []Applied `json:"applied,omitempty"`
	// Late are the nodes that the run went on without.
	Late []LateNode `json:"late,omitempty"`
	// Kept are the packages that the site file disables and that stay, because they hold data and its loss was not accepted.
	Kept []bundles.Kept `json:"kept,omitempty"`
	// Root is what tenant-root offers. Nil: the run did not come that far, or the bundle has no tenants.
	Root *Root `json:"tenantRoot,omitempty"`
	// Complete says that the last phase of all has run for every node: false with Options.Until, or after an error.
	Complete bool `json:"complete"`
}

// Up brings the site up, or goes on where an earlier run ended. The outcome is returned also with an error. One that
// is a *LateNodesError or a *KeptError and no *phase.Error means that everything was done but for the nodes and the removal of
// packages it names.
func Up(ctx context.Context, o Options) (out Outcome, err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return Outcome{}, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := Work{installs: true}.run(ctx, o, dir)
	if err != nil {
		return Outcome{}, err
	}
	defer func() { err = joinNew(err, b.close()) }()

	if _, err := readAuthority(o.Site); err != nil { // it is needed at the end, and asked for before any machine is touched
		return Outcome{}, err
	}
	if err := b.takeSources(ctx); err != nil { // likewise: what is not there would end the run much later
		return Outcome{}, err
	}
	all := b.phases()
	chosen, err := phase.Between(all, o.From, o.Until)
	if err != nil {
		return Outcome{}, err
	}
	results, err := phase.Runner{Reporter: o.Reporter}.Run(ctx, chosen)
	err = errors.Join(err, b.lateError(err), keptError(b.keptPackages))
	return Outcome{
		Site: o.Site.Metadata.Name, Bundle: o.Site.Bundle, Phases: results, Packages: packageNames(b.plan),
		Kubeconfig: dir.Path(workdir.KubeconfigFile), Applied: b.applyResults(), Late: b.late, Kept: b.keptPackages,
		Root:     b.root,
		Complete: err == nil && chosen[len(chosen)-1].ID == all[len(all)-1].ID,
	}, err
}

// joinNew joins an error of closing to that of the run, unless it is what the run failed with.
func joinNew(run, closing error) error {
	if closing != nil && errors.Is(run, closing) {
		return run
	}
	return errors.Join(run, closing)
}

// Planned is what Up would do.
type Planned struct {
	Site     string          `json:"site"`
	Bundle   string          `json:"bundle"`
	Phases   []phase.Preview `json:"phases"`
	Packages []string        `json:"packages"`
	// NotYetUsed names the fields of the site file that are valid but whose stage this version does not have.
	NotYetUsed []string `json:"notYetUsed,omitempty"`
}

// Plan says what Up would do, changing nothing. An archive that is named is held against the site.
func Plan(ctx context.Context, o Options) (Planned, error) {
	b, err := planning(ctx, o)
	if err != nil {
		return Planned{}, err
	}
	return Planned{
		Site: o.Site.Metadata.Name, Bundle: o.Site.Bundle, Packages: packageNames(b.plan),
		Phases: phase.PreviewAll(ctx, b.phases()), NotYetUsed: o.Site.Unused(),
	}, nil
}
