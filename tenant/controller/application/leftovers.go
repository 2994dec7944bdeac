// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// removeLeftovers deletes what an application leaves behind that no release made, once nothing runs any more that would make it
// again. What holds data stays unless its loss is accepted. It does not wait for what it deleted. Without a definition nobody
// knows what there may be.
func (r *reconciler) removeLeftovers(ctx context.Context, of *definition.ApplicationDefinition, object *unstructured.Unstructured) error {
	if of == nil {
		return nil
	}

	isLossAccepted := object.GetAnnotations()[v1alpha1.AnnotationAcceptDataLoss] == object.GetName()

	for _, left := range application.Leftovers(of, object.GetName()) {
		if left.HoldsData && !isLossAccepted {
			r.log.InfoContext(ctx, "left what holds data of an application where it is", "kind", left.Kind, "labels", left.Labels,
				"application", client.ObjectKeyFromObject(object).String())

			continue
		}

		if err := r.removeLeftover(ctx, left, object.GetNamespace()); err != nil {
			return fmt.Errorf("delete the %s objects that it left behind: %w", left.Kind, err)
		}
	}

	return nil
}

func (r *reconciler) removeLeftover(ctx context.Context, left definition.Leftover, namespace string) error {
	of := watch.Object(schema.FromAPIVersionAndKind(left.APIVersion, left.Kind))

	isNamespaced, err := r.client.IsObjectNamespaced(of)

	switch {
	case meta.IsNoMatchError(err): // then there are none
		return nil
	case err != nil:
		return err
	case !isNamespaced: // it would go everywhere
		return fmt.Errorf("%s in %s: objects of the kind are in no namespace", left.Kind, left.APIVersion)
	}

	return r.client.DeleteAllOf(ctx, of, client.InNamespace(namespace), client.MatchingLabels(left.Labels),
		client.PropagationPolicy(metav1.DeletePropagationBackground))
}
