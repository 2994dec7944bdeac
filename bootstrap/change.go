// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
)

// Change is what became of a change to a running site.
type Change struct {
	Site   string         `json:"site"`
	Change string         `json:"change"` // in words: "upgrade Talos to v1.13.9"
	Phases []phase.Result `json:"phases"`
	// Kept are the packages that the site file disables and that stay, because they hold data.
	Kept []bundles.Kept `json:"kept,omitempty"`
	// Complete says that the last phase has run.
	Complete bool `json:"complete"`
}

// PlannedChange is what a change would do.
type PlannedChange struct {
	Site   string          `json:"site"`
	Change string          `json:"change"`
	Phases []phase.Preview `json:"phases"`
	// Risks are what may be lost by it. Empty: nothing.
	Risks []Risk `json:"risks,omitempty"`
}

// Agreement is what a person agreed to, where a change may lose something.
type Agreement struct {
	Accept []string // names of risks
	// Confirm is asked before anything is done, once the risks are accepted. Its error ends the change. It is not asked where there
	// is no risk. Nil: nobody is asked.
	Confirm func(PlannedChange) error
}

// Work is a change to a running site, as an ordered list of phases. Running it again is going on.
type Work struct {
	title string
	list  func(*bringup) ([]phase.Phase, error)
	risks func(*bringup) []Risk // nil: none
	// found are risks that only a look at the cluster tells. A phase asks for them once more, and says why they can't be told: here
	// there are none then. Nil: none.
	found func(context.Context, *bringup) []Risk
	// installs says that it brings the core, and needs to know the image of cozy-controller and where the charts are.
	installs bool
	// pulls says that machines fetch what they boot and run: where there is an archive, from the bastion's registry.
	pulls bool
}

// run assembles a run of the change, with the archive that it was given.
func (w Work) run(ctx context.Context, o Options, dir *workdir.Dir) (b *bringup, err error) {
	o, err = o.openArchive(dir)
	if kept := (*KeptArchiveError)(nil); errors.As(err, &kept) && !w.installs && !w.pulls {
		err = nil // it needs nothing of it
	}
	if err != nil {
		return nil, err
	}
	if w.installs || o.archived.isGiven() {
		o, err = o.withControllerImage(ctx)
	}
	if err == nil {
		b, err = newBringup(o, dir)
	}
	if err != nil {
		return nil, errors.Join(err, o.archived.close())
	}
	return b, nil
}

// sources are taken before anything is done: all that packages need, or an archive that was given.
func (w Work) sources(ctx context.Context, b *bringup) error {
	switch {
	case w.installs:
		return b.takeSources(ctx)
	case !w.pulls:
		return nil
	case b.opts.Archive.Online:
		return forgetArchive(b.dir)
	}
	return b.takeArchive(ctx, w.packages(b))
}

// packages says that the archive of a run has to have the packages of the site file. One that was given is for all that comes.
func (w Work) packages(b *bringup) bool { return w.installs || b.opts.archived.isGiven() }

// Run carries the change out, holding the work directory. What was done is returned also with an error.
func (w Work) Run(ctx context.Context, o Options, agreed Agreement) (out Change, err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return Change{}, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := w.run(ctx, o, dir)
	if err != nil {
		return Change{}, err
	}
	defer func() { err = joinNew(err, b.close()) }()
	phases, err := w.list(b)
	if err != nil {
		return Change{}, err
	}
	b.accepted = agreed.Accept
	if err := w.agreed(ctx, b, phases, agreed); err != nil {
		return Change{}, err
	}
	if err := w.sources(ctx, b); err != nil {
		return Change{}, err
	}
	results, err := phase.Runner{Reporter: o.Reporter}.Run(ctx, phases)
	err = errors.Join(err, keptError(b.keptPackages))
	return Change{
		Site: o.Site.Metadata.Name, Change: w.title, Phases: results, Kept: b.keptPackages, Complete: err == nil,
	}, err
}

// agreed checks that a person agreed to the risks, if there are any.
func (w Work) agreed(ctx context.Context, b *bringup, phases []phase.Phase, agreed Agreement) error {
	if w.risks == nil {
		return nil
	}
	risks := w.risks(b)
	if err := unaccepted(risks, agreed.Accept); err != nil {
		return err
	}
	if w.found != nil {
		risks = append(risks, w.found(ctx, b)...)
	}
	if err := unaccepted(risks, agreed.Accept); err != nil || len(risks) == 0 || agreed.Confirm == nil {
		return err
	}
	return agreed.Confirm(w.preview(ctx, b, phases))
}

// Plan says what Run would do, changing nothing.
func (w Work) Plan(ctx context.Context, o Options) (out PlannedChange, err error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return PlannedChange{}, err
	}
	b, err := w.run(ctx, o, dir)
	if err != nil {
		return PlannedChange{}, err
	}
	defer func() { err = errors.Join(err, b.opts.archived.close()) }()
	if b.opts.archived != nil && (w.installs || w.pulls) {
		if err := b.checkArchive(ctx, w.packages(b)); err != nil {
			return PlannedChange{}, err
		}
	}
	phases, err := w.list(b)
	if err != nil {
		return PlannedChange{}, err
	}
	return w.preview(ctx, b, phases), nil
}

func (w Work) preview(ctx context.Context, b *bringup, phases []phase.Phase) PlannedChange {
	out := PlannedChange{Site: b.site.Metadata.Name, Change: w.title, Phases: phase.PreviewAll(ctx, phases)}
	if w.risks != nil {
		out.Risks = w.risks(b)
	}
	if w.found != nil {
		out.Risks = append(out.Risks, w.found(ctx, b)...)
	}
	return out
}
