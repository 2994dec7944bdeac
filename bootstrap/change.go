// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// Change is what became of a change to a running site.
type Change struct {
	Site   string         `json:"site"`
	Change string         `json:"change"` // in words: "upgrade Talos to v1.13.9"
	Phases []phase.Result `json:"phases"`
	// Complete says that the last phase has run.
	Complete bool `json:"complete"`
}

// PlannedChange is what a change would do.
type PlannedChange struct {
	Site   string          `json:"site"`
	Change string          `json:"change"`
	Phases []phase.Preview `json:"phases"`
	// Risks are what may be lost by it. Empty: nothing.
	Risks []string `json:"risks,omitempty"`
}

// work is a change as an ordered list of phases. Running it again is going on.
type work struct {
	title string
	list  func(*bringup) ([]phase.Phase, error)
	risks func(*bringup) ([]string, error) // nil: none
}

// run carries a change out, holding the work directory. What was done is returned also with an error.
func (w work) run(ctx context.Context, o Options) (out Change, err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return Change{}, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := newBringup(o, dir)
	if err != nil {
		return Change{}, err
	}
	defer func() { err = joinNew(err, b.close()) }()
	phases, err := w.list(b)
	if err != nil {
		return Change{}, err
	}
	results, err := phase.Runner{Reporter: o.Reporter}.Run(ctx, phases)
	return Change{Site: o.Site.Metadata.Name, Change: w.title, Phases: results, Complete: err == nil}, err
}

// plan says what run would do, changing nothing.
func (w work) plan(ctx context.Context, o Options) (PlannedChange, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return PlannedChange{}, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return PlannedChange{}, err
	}
	phases, err := w.list(b)
	if err != nil {
		return PlannedChange{}, err
	}
	out := PlannedChange{Site: o.Site.Metadata.Name, Change: w.title, Phases: phase.PreviewAll(ctx, phases)}
	if w.risks != nil {
		out.Risks, err = w.risks(b)
	}
	return out, err
}
