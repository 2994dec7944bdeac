// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// UnaskedError says that etcd is not bootstrapped because control planes could not be asked for members: one of them may
// hold the only one.
type UnaskedError struct {
	Nodes []string
	Err   error
}

func (e *UnaskedError) Error() string {
	return fmt.Sprintf("etcd is not bootstrapped before every control plane was asked for its members; missing: %s: %v",
		strings.Join(e.Nodes, ", "), e.Err)
}
func (e *UnaskedError) Unwrap() error { return e.Err }

// Hint says how to go on with them, and without.
func (e *UnaskedError) Hint() string {
	return "power them on and run up again: it goes on from here; one that will never come back must be taken out of the site file first"
}

// SilentBootstrapNodeError says that the control plane on which etcd is to be bootstrapped does not answer.
type SilentBootstrapNodeError struct {
	Node   string
	Called bool // it was asked to bootstrap, so it may have done so
	Err    error
}

func (e *SilentBootstrapNodeError) Error() string {
	return fmt.Sprintf("etcd is to be bootstrapped on %s, which does not answer: %v", e.Node, e.Err)
}
func (e *SilentBootstrapNodeError) Unwrap() error { return e.Err }

// Hint says how to choose again, where that is safe.
func (e *SilentBootstrapNodeError) Hint() string {
	if e.Called {
		return "bring " + e.Node + " back, or put another machine in its place, and run up again; it has been asked to bootstrap, so no other node may be"
	}
	return "bring " + e.Node + " back, or put another machine in its place, and run up again; or take it out of the site file and choose another control plane: cozy-install etcd choose <node>"
}

// ChooseRefusedError says why etcd may not be bootstrapped on another node than the one chosen.
type ChooseRefusedError struct{ Node, Why string }

func (e *ChooseRefusedError) Error() string {
	return fmt.Sprintf("choose %s for etcd's bootstrap: %s", e.Node, e.Why)
}

// Hint says what choosing is for.
func (e *ChooseRefusedError) Hint() string {
	return "a second bootstrap makes a second etcd cluster, which nothing repairs: the node may be chosen again only while no control plane has etcd or can have it"
}

// Chosen is the node on which etcd will be bootstrapped, and the one before.
type Chosen struct {
	Node   string `json:"node"`
	Before string `json:"before,omitempty"`
}

// ChooseBootstrapNode writes another control plane down as the one on which the next Up bootstraps etcd. Every control
// plane of the site file must answer, none may have etcd, and the former choice must not have been asked to bootstrap.
func ChooseBootstrapNode(ctx context.Context, o Options, name string) (out Chosen, err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return Chosen{}, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := newBringup(o, dir)
	if err != nil {
		return Chosen{}, err
	}
	if _, err := nodeOf(b.site, name); err != nil {
		return Chosen{}, err
	}
	journal, err := dir.Journal()
	if err != nil {
		return Chosen{}, err
	}
	views, err := b.etcdViews(ctx)
	if err != nil {
		return Chosen{}, err
	}
	if err := mayChoose(name, journal, views); err != nil {
		return Chosen{}, err
	}
	return Chosen{Node: name, Before: journal.BootstrapNode}, dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		j.BootstrapNode = name
	})
}

// etcdView is what a control plane shows of etcd.
type etcdView struct {
	node   string
	state  talos.State
	runs   bool   // its etcd runs
	unsaid string // why it cannot be told; empty if it can
}

// etcdViews asks every control plane of the site.
func (b *bringup) etcdViews(ctx context.Context) ([]etcdView, error) {
	creds, err := b.credentials()
	if err != nil {
		return nil, err
	}
	planes := b.controlPlanes()
	out := make([]etcdView, len(planes))
	group := errgroup.Group{}
	for i, node := range planes {
		group.Go(func() error {
			out[i] = b.etcdViewOf(ctx, node, creds)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return out, ctx.Err()
}

func (b *bringup) etcdViewOf(ctx context.Context, node site.Node, creds *talos.Credentials) etcdView {
	seen, err := b.look(ctx, node, creds)
	out := etcdView{node: node.Name, state: seen.state}
	switch {
	case err != nil:
		out.unsaid = err.Error()
		return out
	case seen.state != talos.Ours:
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	members, err := b.membersOf(ctx, node)
	if err != nil {
		out.unsaid = err.Error()
	}
	out.runs = len(members) > 0
	return out
}

// mayChoose says why a node may not be chosen: nil if it may. A control plane in maintenance mode has no etcd. One that was
// asked to bootstrap may have founded a cluster that nobody has seen yet: it stays the choice for ever.
func mayChoose(name string, journal workdir.Journal, views []etcdView) error {
	refuse := func(why string, args ...any) error {
		return &ChooseRefusedError{Node: name, Why: fmt.Sprintf(why, args...)}
	}
	switch {
	case journal.EtcdStarted:
		return refuse("etcd has run before, it was bootstrapped on %s", journal.BootstrapNode)
	case journal.BootstrapCalled && name != journal.BootstrapNode:
		return refuse("%s has been asked to bootstrap, and may have done so", journal.BootstrapNode)
	}
	if !slices.ContainsFunc(views, func(v etcdView) bool { return v.node == name }) {
		return refuse("it is no control plane")
	}
	var problems []string
	for _, v := range views {
		switch {
		case v.unsaid != "":
			problems = append(problems, v.node+" cannot be asked: "+v.unsaid)
		case v.runs:
			problems = append(problems, "etcd runs on "+v.node)
		case v.state != talos.Ours && v.state != talos.Maintenance:
			problems = append(problems, v.node+" is "+string(v.state))
		}
	}
	if len(problems) > 0 {
		return refuse("%s", strings.Join(problems, "; "))
	}
	return nil
}
