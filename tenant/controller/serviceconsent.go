// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// isNamedIn says whether an annotation names a service. It may name several, with commas between.
func isNamedIn(annotation string, service tenant.Service) bool {
	return slices.ContainsFunc(strings.Split(annotation, ","), isName(service))
}

func isName(service tenant.Service) func(string) bool {
	return func(name string) bool { return strings.TrimSpace(name) == service.String() }
}

// useUp takes a service out of an annotation with which a person agreed to something: they agreed to it once.
func (r *reconciler) useUp(ctx context.Context, t *v1alpha1.Tenant, annotation string, service tenant.Service) error {
	if !isNamedIn(t.Annotations[annotation], service) {
		return nil
	}

	before := t.DeepCopy()

	rest := slices.DeleteFunc(strings.Split(t.Annotations[annotation], ","), isName(service))
	if t.Annotations[annotation] = strings.Join(rest, ","); len(rest) == 0 {
		delete(t.Annotations, annotation)
	}

	if err := r.patch(ctx, t, before); err != nil {
		return fmt.Errorf("take %s out of its annotation %s: %w", service, annotation, err)
	}

	return nil
}
