// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// What packages ask when a node goes: as their files say it, for those that are on the cluster.

// nodeStep is a step of a package.
type nodeStep struct {
	bundles.NodeStep
	Package string
}

func (s nodeStep) String() string { return s.Package + ": " + s.Title }

// leaving is a node that goes, and what packages ask of it, in order.
type leaving struct {
	node  bundles.StepNode
	steps []nodeStep
}

// at gives the steps of that moment, as NodeStep.When says it.
func (l leaving) at(when string) (out []nodeStep) {
	for _, step := range l.steps {
		if step.When() == when {
			out = append(out, step)
		}
	}
	return out
}

// byHand is the risk of what a person must have done; nil: nothing.
func (l leaving) byHand() []Risk {
	var asked []string
	for _, step := range l.steps {
		if step.ByHand != nil {
			asked = append(asked, step.Package+": "+step.ByHand.Do)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	return []Risk{{RiskPackageSteps, "not done by this command, and to be done by you: " + strings.Join(asked, "; ")}}
}

// leave looks at the node and at what is installed. Packages are asked in the order in which they could be removed: who needs others
// first.
func (b *bringup) leave(ctx context.Context, node site.Node, when string) (leaving, error) {
	alive, err := b.lifeOf(ctx, node, when)
	if err != nil {
		return leaving{}, err
	}
	out := leaving{node: bundles.StepNode{
		Name: node.Name, Address: node.Address.String(), Role: node.Role, Running: alive,
	}}
	installed, err := b.whatIsInstalled(ctx)
	if err != nil {
		return leaving{}, err
	}
	packages, err := b.packagesOf(installed)
	if err != nil {
		return leaving{}, err
	}
	client, err := b.kube()
	if err != nil {
		return leaving{}, err
	}
	for _, p := range packages {
		for _, step := range p.NodeRemoval {
			if asks, err := asks(ctx, client, step, out.node); err != nil {
				return leaving{}, fmt.Errorf("%s: %s: %w", p.Name, step.Title, err)
			} else if asks {
				out.steps = append(out.steps, nodeStep{step, p.Name})
			}
		}
	}
	return out, nil
}

// asks says whether a step is one of that node's, and whether there is anything left for a person to do.
func asks(ctx context.Context, cluster stepCluster, step bundles.NodeStep, node bundles.StepNode) (bool, error) {
	if !step.For(node) || step.ByHand == nil || step.ByHand.While == nil {
		return step.For(node), nil
	}
	left, err := selectedIfAny(ctx, cluster, *step.ByHand.While, node)
	return len(left) > 0, err
}

func (b *bringup) whatIsInstalled(ctx context.Context) ([]bundles.Installed, error) {
	if b.installed != nil {
		return b.installed(ctx)
	}
	cluster, err := b.installedCluster()
	if err != nil {
		return nil, err
	}
	return cluster.Installed(ctx)
}

// packagesOf gives the packages that are installed, each before what it needs. Those that the plan does not have come first.
func (b *bringup) packagesOf(installed []bundles.Installed) ([]bundles.Package, error) {
	catalog, err := bundles.Load(bundles.Data())
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, one := range installed {
		there[one.Name] = true
	}
	var out, planned []bundles.Package
	for _, p := range b.plan.Packages {
		if there[p.Name] {
			planned = append(planned, p)
		}
		delete(there, p.Name)
	}
	for _, one := range installed {
		if p, known := catalog.Package(one.Name); known && there[one.Name] {
			out = append(out, *p)
		}
	}
	slices.Reverse(planned)
	return append(out, planned...), nil
}

// checkSteps is the first thing: what must hold before anything is done, and what a person must say to have done.
func (b *bringup) checkSteps(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "package-checks", Title: "ask packages whether " + node.Name + " can go",
		Plan: func(ctx context.Context) ([]string, error) {
			l, err := b.leave(ctx, node, "")
			if err != nil {
				return nil, err
			}
			var lines []string
			for _, step := range l.at("") {
				lines = append(lines, step.String())
			}
			for _, risk := range l.byHand() {
				lines = append(lines, risk.Why)
			}
			if err := b.refuseSteps(ctx, l); err != nil {
				return lines, err
			}
			return lines, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			l, err := b.leave(ctx, node, "")
			if err != nil {
				return err
			}
			if err := b.refuseSteps(ctx, l); err != nil {
				return err
			}
			b.checkedAlive = map[string]bool{node.Name: l.node.Running}
			for _, step := range l.at("") {
				say("%s: yes", step)
			}
			return unaccepted(l.byHand(), b.accepted)
		},
	}
}

// stepRisks is what packages want a person to have done, where that can be told.
func (b *bringup) stepRisks(ctx context.Context, node site.Node) []Risk {
	l, err := b.leave(ctx, node, "")
	if err != nil {
		b.log.Debug("what packages ask can't be told", "node", node.Name, "reason", err)
		return nil
	}
	return l.byHand()
}

// refuseSteps gives everything that keeps the node from going, at once, as a *RefusedStepsError.
func (b *bringup) refuseSteps(ctx context.Context, l leaving) error {
	refusing := l.at("")
	if len(refusing) == 0 {
		return nil
	}
	client, err := b.kube()
	if err != nil {
		return err
	}
	return refuse(ctx, client, l.node, refusing)
}

// doSteps does what packages ask at one moment. Each step is shown for itself.
func (b *bringup) doSteps(node site.Node, when, id, title string) phase.Phase {
	return phase.Phase{
		ID: id, Title: title,
		Done: func(ctx context.Context) (bool, error) {
			l, err := b.leave(ctx, node, when)
			return len(l.at(when)) == 0, err
		},
		Plan: func(ctx context.Context) ([]string, error) {
			l, err := b.leave(ctx, node, when)
			var lines []string
			for _, step := range l.at(when) {
				lines = append(lines, outline(step, l.node))
			}
			return lines, err
		},
		RunItems: func(ctx context.Context, tell phase.Tell) error {
			l, err := b.leave(ctx, node, when)
			if err != nil {
				return err
			}
			// It may have died since it was checked.
			if err := unaccepted(l.byHand(), b.accepted); err != nil {
				return err
			}
			client, err := b.kube()
			if err != nil {
				return err
			}
			return doAll(ctx, client, l.node, l.at(when), tell)
		},
	}
}

// leaveSteps are done when the node is drained, and not wiped yet.
func (b *bringup) leaveSteps(node site.Node) phase.Phase {
	return b.doSteps(node, bundles.StepLeave, "packages", "do what packages ask before "+node.Name+" goes")
}

// goneSteps are done when Kubernetes has forgotten it.
func (b *bringup) goneSteps(node site.Node) phase.Phase {
	return b.doSteps(node, bundles.StepGone, "packages-after", "do what packages ask after "+node.Name+" is gone")
}
