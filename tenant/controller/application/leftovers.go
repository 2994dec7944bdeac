// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// ReasonDataStays is that of the event on an application that went and left data of users where it is.
const ReasonDataStays = "DataStays"

// maxLeftovers bounds the names of objects of a kind in a message, in bytes.
const maxLeftovers = 256

// removeLeftovers deletes what an application leaves behind that no release made, once nothing runs any more that would make it
// again. What holds data stays unless its loss is accepted. It does not wait for what it deleted.
func (r *reconciler) removeLeftovers(ctx context.Context, leftovers []definition.Leftover, object *unstructured.Unstructured) error {
	for _, left := range application.LeftoversOf(leftovers, object.GetName()) {
		if left.HoldsData && !isLossAccepted(object) {
			continue
		}

		if err := r.removeLeftover(ctx, left, object.GetNamespace()); err != nil {
			return fmt.Errorf("delete the %s objects that it left behind: %w", left.Kind, err)
		}
	}

	return nil
}

func isLossAccepted(object *unstructured.Unstructured) bool {
	return object.GetAnnotations()[v1alpha1.AnnotationAcceptDataLoss] == object.GetName()
}

func (r *reconciler) removeLeftover(ctx context.Context, left definition.Leftover, namespace string) error {
	mapping, err := r.leftoverKind(left)
	if mapping == nil || err != nil {
		return err
	}

	return r.client.DeleteAllOf(ctx, watch.Object(mapping.GroupVersionKind), client.InNamespace(namespace), client.MatchingLabels(left.Labels),
		client.PropagationPolicy(metav1.DeletePropagationBackground))
}

// leftoverKind is nil where the API server knows no such kind: then there are none. Of a kind in no namespace, objects would go
// everywhere: that is an error.
func (r *reconciler) leftoverKind(left definition.Leftover) (*meta.RESTMapping, error) {
	kind := schema.FromAPIVersionAndKind(left.APIVersion, left.Kind)

	mapping, err := r.mapper.RESTMapping(kind.GroupKind(), kind.Version)

	switch {
	case meta.IsNoMatchError(err):
		return nil, nil
	case err != nil:
		return nil, err
	case mapping.Scope.Name() != meta.RESTScopeNameNamespace:
		return nil, fmt.Errorf("%s in %s: objects of the kind are in no namespace", left.Kind, left.APIVersion)
	}

	return mapping, nil
}

// dataThatStays names what holds data of users and stays when the application goes, with how to be rid of it. Empty: nothing does.
func (r *reconciler) dataThatStays(ctx context.Context, leftovers []definition.Leftover, object *unstructured.Unstructured) (string, error) {
	if isLossAccepted(object) {
		return "", nil
	}

	var all []string

	for _, left := range application.LeftoversOf(leftovers, object.GetName()) {
		if !left.HoldsData {
			continue
		}

		names, err := r.namesOf(ctx, left, object.GetNamespace())
		if err != nil {
			return "", fmt.Errorf("look for the %s objects that stay: %w", left.Kind, err)
		}

		if len(names) > 0 {
			all = append(all, left.Kind+" "+application.Clip(strings.Join(names, ", "), maxLeftovers))
		}
	}

	if len(all) == 0 {
		return "", nil
	}

	return strings.Join(all, "; ") + " hold data and stay in " + object.GetNamespace(), nil
}

// namesOf are the names of what is left, asked for past the cache, in which it is not. Where it can't be read, its labels stand for it.
func (r *reconciler) namesOf(ctx context.Context, left definition.Leftover, namespace string) ([]string, error) {
	mapping, err := r.leftoverKind(left)
	if mapping == nil || err != nil {
		return nil, err
	}

	found := watch.List(mapping.GroupVersionKind)

	err = r.live.List(ctx, found, client.InNamespace(namespace), client.MatchingLabels(left.Labels))

	switch {
	case apierrors.IsForbidden(err): // the right may have gone with the definition; nobody has to wait for a name
		return []string{"objects with " + labels.SelectorFromSet(left.Labels).String() + ", where there are some,"}, nil
	case err != nil:
		return nil, err
	}

	names := make([]string, 0, len(found.Items))
	for i := range found.Items {
		names = append(names, found.Items[i].GetName())
	}

	slices.Sort(names)

	return names, nil
}

// publishedLeftovers are what objects leave behind whose definition is gone or can't be used.
func (p *publisher) publishedLeftovers(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) []definition.Leftover {
	leftovers, err := application.PublishedLeftovers(crd)
	if err != nil { // somebody else wrote that; objects must go all the same
		p.log.ErrorContext(ctx, "don't know what objects leave behind", "kind", crd.Spec.Names.Kind, "error", err)
	}

	return leftovers
}

// copyLeftovers gives a CustomResourceDefinition what another one says of leftovers.
func copyLeftovers(to, from *apiextensionsv1.CustomResourceDefinition) {
	if said, isSaid := from.Annotations[application.AnnotationLeftovers]; isSaid {
		metav1.SetMetaDataAnnotation(&to.ObjectMeta, application.AnnotationLeftovers, said)
	} else {
		delete(to.Annotations, application.AnnotationLeftovers)
	}
}
