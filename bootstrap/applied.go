// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// ApplyResult says in one word what became of giving a node its config.
type ApplyResult string

// The results. An empty one means that a dry run went well and nothing was sent yet.
const (
	Took    ApplyResult = "took"    // it has its config, and installs
	Refused ApplyResult = "refused" // it was not given its config, or would not have it
	Silent  ApplyResult = "silent"  // it fell silent: it may have its config or not
)

// Applied is what became of giving one node its config.
type Applied struct {
	Node   string         `json:"node"`
	Role   string         `json:"role"`
	Addr   netip.AddrPort `json:"address"`
	Result ApplyResult    `json:"result"`
	Reason string         `json:"reason,omitempty"` // of Refused and Silent

	err         error
	fingerprint string // of the boot in which that happened
}

// become sets the result that an error means: nil is given by the caller. A machine that fell silent may have taken an
// earlier run's config and reboot: the next phase waits for it.
func (a *Applied) become(err error, good ApplyResult) {
	switch {
	case err == nil, errors.Is(err, talos.ErrAlreadyApplying):
		a.Result = good
		if err != nil {
			a.Result = Took // the config has arrived, perhaps by a run that was killed
		}
		return
	case errors.Is(err, talos.ErrUnavailable):
		a.Result = Silent
	default:
		a.Result = Refused
	}
	a.err, a.Reason = err, err.Error()
}

// RefusedError says which nodes were not given their configs, and why. Others are in Results too.
type RefusedError struct{ Results []Applied }

func (e *RefusedError) Error() string {
	var lines []string
	for _, a := range e.Results {
		if a.Result == Refused {
			lines = append(lines, fmt.Sprintf("node %s (%s): %v", a.Node, a.Addr, a.err))
		}
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the reasons as a *NodeError each.
func (e *RefusedError) Unwrap() []error {
	var errs []error
	for _, a := range e.Results {
		if a.Result == Refused {
			errs = append(errs, &NodeError{Node: a.Node, Err: a.err})
		}
	}
	return errs
}

func refusal(results []Applied) error {
	if !slices.ContainsFunc(results, func(a Applied) bool { return a.Result == Refused }) {
		return nil
	}
	return &RefusedError{Results: results}
}

// applyResults are the last results of this run for each node, in the order of the site file.
func (b *bringup) applyResults() []Applied {
	var out []Applied
	for _, node := range b.site.Nodes {
		if a, ok := b.applied[node.Name]; ok {
			out = append(out, a)
		}
	}
	return out
}

// note keeps the results, says them, and writes down which nodes have their configs.
func (b *bringup) note(ctx context.Context, results []Applied, say phase.Say) error {
	if b.applied == nil {
		b.applied = map[string]Applied{}
	}
	if b.given == nil {
		b.given = map[string]string{}
	}
	var took []string
	for _, a := range results {
		b.applied[a.Node] = a
		switch a.Result {
		case Took:
			b.given[a.Node] = a.fingerprint
			took = append(took, a.Node)
			say("%s took its config and installs", a.Node)
		case Silent:
			say("%s fell silent while it was given its config", a.Node)
			b.log.Debug("apply", "node", a.Node, "addr", a.Addr, "reason", a.Reason)
		}
	}
	return b.noteApplied(ctx, took)
}

// noteApplied writes down that nodes have their configs. A reinstall that was asked for is under way with it.
func (b *bringup) noteApplied(ctx context.Context, nodes []string) error {
	if len(nodes) == 0 {
		return nil
	}
	err := b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		if j.Applied == nil {
			j.Applied = map[string]bool{}
		}
		for _, name := range nodes {
			j.Applied[name] = true
			delete(j.Installed, name)
			delete(j.Resets, name)
			delete(b.running, name)
		}
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range nodes {
		errs = append(errs, workdir.Withdraw(b.dir.Path("."), workdir.ApproveReinstall, name))
	}
	return errors.Join(errs...)
}

// noteInstalled writes down which nodes were seen running with their config, each once in a run. A command that only looks
// writes nothing.
func (b *bringup) noteInstalled(ctx context.Context, seen map[string]sight) error {
	var news []string
	for name, one := range seen {
		if one.state == talos.Ours && !b.running[name] {
			news = append(news, name)
		}
	}
	if len(news) == 0 || !b.dir.Locked() {
		return nil
	}
	err := b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		if j.Installed == nil {
			j.Installed = map[string]bool{}
		}
		for _, name := range news {
			j.Installed[name] = true
		}
	})
	if err != nil {
		return err
	}
	if b.running == nil {
		b.running = map[string]bool{}
	}
	for _, name := range news {
		b.running[name] = true
	}
	return nil
}
