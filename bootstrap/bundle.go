// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/manifests"
)

// ResolveBundle decides what the site's bundle installs. An empty controller image means the chart's own.
func ResolveBundle(s *site.Site, controllerImage string) (*bundles.Plan, error) {
	charts, err := manifests.NewRepository(manifests.Charts())
	if err != nil {
		return nil, err
	}
	return resolveBundle(s, controllerImage, charts)
}

// resolveBundle is ResolveBundle for who has packed our charts already.
func resolveBundle(s *site.Site, controllerImage string, charts bundles.Charts) (*bundles.Plan, error) {
	catalog, err := bundles.Load(bundles.Data())
	if err != nil {
		return nil, err
	}
	facts := factsOf(s)
	if image := controllerFact(s, controllerImage); image != "" {
		facts[bundles.FactControllerImage] = image
	}
	plan, err := bundles.Resolve(catalog, s.Bundle, bundles.Choices{
		Enable: s.Packages.Enable, Disable: s.Packages.Disable, Adopt: s.Packages.Adopt, Values: valuesWithout(s, controllerImage),
		Facts: facts, Said: saidBy(s), Charts: charts,
	})
	if err != nil {
		return nil, refused(s, err)
	}
	nameControllerImage(plan)
	return plan, nil
}

// refused is what is wrong with a site file's choices as a *site.Problems, with lines, where there is a file and nothing else is wrong.
func refused(s *site.Site, err error) error {
	var found *bundles.Problems
	if !errors.As(err, &found) {
		return err
	}
	var list []site.Problem
	for _, one := range found.Problems {
		if one.File != "" {
			return err
		}
		problem := site.Problem{Path: one.Path, Rule: one.Rule}
		if one.Value != nil {
			problem.Value = fmt.Sprint(one.Value)
		}
		list = append(list, problem)
	}
	if out := s.Refuse(list); out != nil {
		return out
	}
	return err
}

// takeChartSource has the plan's charts come from the chart source, where one is given, or else from the bastion's registry, where
// the site takes everything from an archive. Then no chart may come from anywhere else.
func (b *bringup) takeChartSource(ctx context.Context) error {
	source, bastion := b.opts.ChartSource, b.site.Registries.Bastion
	switch {
	case source != "":
	case b.unreadable != nil:
		return b.unreadable
	case b.opts.archived == nil:
		return nil
	case bastion == nil:
		return &KeptArchiveError{Path: b.dir.Path(workdir.ArchiveFile), Err: &NoBastionError{}}
	case !answers(ctx, bastion.Address):
		return b.opts.archived.silent(bastion.Address)
	default:
		source = archive.ChartSource(bastion.Address)
	}
	if b.opts.archived != nil {
		return b.shelf.RedirectAll(ctx, b.plan, source)
	}
	return b.shelf.Redirect(ctx, b.plan, source)
}

func packageNames(plan *bundles.Plan) []string {
	out := make([]string, len(plan.Packages))
	for i, p := range plan.Packages {
		out[i] = p.Name
	}
	return out
}
