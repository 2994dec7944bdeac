// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bundles"
)

// runProduct installs the bundle as the phases core and packages of `up` do. It returns what it took, and the objects by
// which Flux could have done the rest alone.
func runProduct(ctx context.Context, bundle string) (out report, made objects, err error) {
	plan, err := resolve(bundle)
	if err != nil {
		return report{}, objects{}, err
	}

	flags, err := helmControllerFlags(plan)
	if err != nil {
		return report{}, objects{}, err
	}

	err = onRig(ctx, plan, flags, func(ctx context.Context, r *rig) error {
		began := time.Now()

		spans, err := r.installCore(ctx)
		if err != nil {
			return err
		}

		coreEnd := time.Now()

		flux, err := bundles.NewFlux(r.config, r.shelf, "")
		if err != nil {
			return err
		}

		if err := flux.Install(ctx, r.plan, nil); err != nil {
			return fmt.Errorf("install the packages: %w", err)
		}

		ended := time.Now()

		if err := r.watch.await(ctx, len(r.plan.Packages)-len(r.plan.Core)); err != nil { // it may hear of it a moment later
			return err
		}

		releases, crds, operated := r.watch.seen()
		for name, one := range releases {
			spans[name] = one
		}

		untilKinds(r.plan, spans, crds)
		untilHealthy(spans, operated)

		out = newReport(r.plan, spans, span{began, coreEnd}, span{coreEnd, ended})
		made, err = r.objects(ctx)

		return err
	})

	return out, made, err
}

// helmControllerFlags are those of the product's Flux: the plane has a Flux of its own.
func helmControllerFlags(plan *bundles.Plan) ([]string, error) {
	for _, p := range plan.Packages {
		if p.Name == "flux" {
			flags, _, err := unstructured.NestedSlice(p.Values, "helmController", "container", "additionalArgs")
			if err != nil || len(flags) == 0 {
				return nil, errors.Join(errors.New("package flux has no flags of helm-controller in its values"), err)
			}

			var out []string
			for _, flag := range flags {
				out = append(out, fmt.Sprint(flag))
			}

			return out, nil
		}
	}

	return nil, errors.New("the bundle has no package flux")
}

// installCore returns how long each package of the core took; one that was there already took no time.
func (r *rig) installCore(ctx context.Context) (map[string]span, error) {
	core, err := bundles.NewCore(r.config, r.shelf, nil)
	if err != nil {
		return nil, err
	}

	spans := map[string]span{}

	err = core.Install(ctx, r.plan, func(s bundles.PackageStatus) {
		switch now := time.Now(); s.State {
		case bundles.StateInstalling:
			spans[s.Name] = span{now, now}
		case bundles.StateReady:
			spans[s.Name] = span{spans[s.Name].from, now}
		case bundles.StatePresent:
			spans[s.Name] = span{now, now}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("install the core: %w", err)
	}

	return spans, nil
}

// untilKinds lets the own time of a package whose program registers kinds that others need end when they are there: before
// that, nobody could go on.
func untilKinds(plan *bundles.Plan, spans map[string]span, crds map[string]time.Time) {
	needed := map[string]bool{}

	for _, p := range plan.Packages {
		for _, crd := range p.Needs {
			needed[crd] = true
		}
	}

	for _, p := range plan.Packages {
		for _, crd := range p.Provides {
			own := spans[p.Name]
			if at := crds[crd.Name]; crd.From == bundles.FromRuntime && needed[crd.Name] && at.After(own.to) {
				spans[p.Name] = span{own.from, at}
			}
		}
	}
}

// untilHealthy lets the own time of a package with health conditions end when its operators are done.
func untilHealthy(spans map[string]span, operated map[string]time.Time) {
	for name, at := range operated {
		if own, known := spans[name]; known && at.After(own.to) {
			spans[name] = span{own.from, at}
		}
	}
}
