// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// missing are the CustomResourceDefinitions that a definition requires and that are not established.
func (p *publisher) missing(ctx context.Context, of *definition.ApplicationDefinition) ([]string, error) {
	var missing []string

	for _, name := range requirements(of) {
		crd, err := p.crd(ctx, name)
		if err != nil {
			return nil, err
		}

		if !isEstablished(crd) {
			missing = append(missing, name)
		}
	}

	return missing, nil
}

// releaseCRD is what every kind needs: Flux.
const releaseCRD = "helmreleases.helm.toolkit.fluxcd.io"

func requirements(of *definition.ApplicationDefinition) []string {
	all := append(slices.Clone(of.Spec.Requires), releaseCRD)
	slices.Sort(all)

	return slices.Compact(all)
}

// definitionsOf finds the definitions that care for a CustomResourceDefinition: those that require it, would make it, or made
// it once.
func (w *world) definitionsOf(ctx context.Context, crd client.Object) []reconcile.Request {
	var (
		all      definition.ApplicationDefinitionList
		requests []reconcile.Request
	)

	if owner := crd.GetLabels()[application.LabelDefinition]; owner != "" {
		requests = append(requests, named(owner))
	}

	if err := w.client.List(ctx, &all); err != nil {
		w.log.ErrorContext(ctx, "can't tell which definitions care", "crd", crd.GetName(), "error", err.Error())

		return requests
	}

	for i := range all.Items {
		one := &all.Items[i]
		if application.CRDName(one) == crd.GetName() || slices.Contains(requirements(one), crd.GetName()) {
			requests = append(requests, named(one.Name))
		}
	}

	return requests
}
