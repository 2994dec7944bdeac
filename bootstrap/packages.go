// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bundles"
)

// removalTimeout bounds the removal of all packages that the site file disables.
const removalTimeout = time.Hour

// installCore installs from here what the cluster cannot pull through itself: without a CNI no pod of a chart server runs
// (design decision 8). It always looks at every package; one that is as it should be is left alone.
func (b *bringup) installCore() phase.Phase {
	return phase.Phase{
		ID: "core", Title: "install the core packages",
		Plan: func(context.Context) ([]string, error) {
			return []string{"install or upgrade with Helm, in this order: " + strings.Join(b.plan.Core, ", ")}, nil
		},
		RunItems: func(ctx context.Context, tell phase.Tell) error {
			core, err := b.core()
			if err != nil {
				return err
			}
			if err := b.requireIsolation(ctx, b.cluster); err != nil { // a run may begin here
				return err
			}
			return core.Install(ctx, b.plan, reportTo(tell))
		},
	}
}

// installPackages installs the rest of the bundle as HelmReleases, which Flux keeps from then on. It always looks at every
// release; one that is as it should be is left alone. What the site file disables is removed afterwards.
func (b *bringup) installPackages() phase.Phase {
	return phase.Phase{
		ID: "packages", Title: "install the bundle's packages",
		Plan: func(ctx context.Context) ([]string, error) {
			rest := packageNames(b.plan)[len(b.plan.Core):]
			steps := []string{"one HelmRelease each, created when what it needs is healthy: " + strings.Join(rest, ", ")}
			given, err := readAuthority(b.site)
			if given != nil {
				steps = append([]string{"put the certificate authority of certificates.ca into Secret " + b.authorityNamespace() + "/" + authoritySecret}, steps...)
			}
			steps = append(steps, b.changedClassSteps(ctx)...)
			return append(steps, b.disabledSteps(ctx)...), err
		},
		RunItems: func(ctx context.Context, tell phase.Tell) error {
			client, err := b.kube()
			if err != nil {
				return err
			}
			flux, err := bundles.NewFlux(client.Config, b.shelf, "")
			if err != nil {
				return err
			}
			if err := b.giveAuthority(ctx, client, flux); err != nil {
				return err
			}
			if err := b.freeChangedClass(ctx, client); err != nil {
				return err
			}
			if err := flux.Install(ctx, b.plan, reportTo(tell)); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, removalTimeout)
			defer cancel()
			return b.removeDisabled(ctx, tell)
		},
	}
}

func (b *bringup) core() (*bundles.Core, error) {
	client, err := b.kube()
	if err != nil {
		return nil, err
	}
	return bundles.NewCore(client.Config, b.shelf, b.log)
}

func reportTo(tell phase.Tell) bundles.Report {
	return func(s bundles.PackageStatus) {
		tell(phase.Item{
			Name: s.Name, State: string(s.State), Is: phaseState(s.State), Message: s.Message,
			Object: s.Object.String(), Event: s.Warning.String(),
		})
	}
}

// phaseState is a package's state in the words of phases.
func phaseState(state bundles.State) phase.State {
	switch state {
	case bundles.StateReady, bundles.StateRemoved:
		return phase.Done
	case bundles.StatePresent:
		return phase.Skipped
	case bundles.StateFailed, bundles.StateStalled:
		return phase.Failed
	case bundles.StateInstalling, bundles.StateRemoving:
		return phase.Started
	case bundles.StateAbsent, bundles.StateWaiting:
	}
	return phase.Waiting
}

// packageStatuses gives every package of the plan, in its order, as Helm and Flux see it.
func (b *bringup) packageStatuses(ctx context.Context, client *kube.Client, clusterErr error) []PackageStatus {
	found, err := map[string]bundles.PackageStatus{}, clusterErr
	if err == nil {
		found, err = b.readPackages(ctx, client)
	}
	out := make([]PackageStatus, 0, len(b.plan.Packages))
	for _, name := range packageNames(b.plan) {
		p := PackageStatus{Name: name}
		seen, known := found[name]
		switch {
		case known:
			p.State, p.Message = string(seen.State), seen.Message
			p.Ready = seen.State == bundles.StateReady || seen.State == bundles.StatePresent && seen.Object == (bundles.FailingObject{})
			if seen.Object != (bundles.FailingObject{}) {
				p.Object = &seen.Object
			}
			if seen.Warning != (bundles.Warning{}) {
				p.Event = &seen.Warning
			}
		case err != nil:
			p.State, p.Message = "unknown", err.Error()
		default:
			p.State = string(bundles.StateAbsent)
		}
		out = append(out, p)
	}
	return out
}

func (b *bringup) readPackages(ctx context.Context, client *kube.Client) (map[string]bundles.PackageStatus, error) {
	core, err := b.core()
	if err != nil {
		return nil, err
	}
	statuses, err := core.Status(ctx, b.plan)
	if err != nil {
		return nil, err
	}
	flux, err := bundles.NewFlux(client.Config, b.shelf, "")
	if err != nil {
		return nil, err
	}
	rest, err := flux.Status(ctx, b.plan)
	out := map[string]bundles.PackageStatus{}
	for _, s := range append(statuses, rest...) {
		out[s.Name] = s
	}
	return out, err
}
