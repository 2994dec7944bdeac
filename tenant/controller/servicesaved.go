// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
)

const (
	// annotationRestored is on the object of a service from when it was made with a saved spec until what it was made of is gone.
	// It holds the resourceVersion of the ConfigMap.
	annotationRestored = "cozystack.io/restored-from"
	// annotationSavedOf is on that ConfigMap and holds the UID of the object whose spec it is. So what is saved of another object
	// has another resourceVersion, also where the spec is the same.
	annotationSavedOf = "cozystack.io/saved-of"
	// savedKey holds the spec as JSON.
	savedKey = "spec.json"
)

// savedName is the ConfigMap with the spec of a service that was turned off. The controller may read, write and delete
// ConfigMaps of these names and no others, so it keeps none in a cache.
func savedName(service tenant.Service) string { return service.String() + "-saved" }

// saveSpec keeps the spec of a service, before its object is deleted.
func (r *reconciler) saveSpec(ctx context.Context, object *unstructured.Unstructured, service tenant.Service) error {
	spec, _, err := unstructured.NestedMap(object.Object, "spec")
	if err != nil {
		return fmt.Errorf("read the spec of %s in %s: %w", service, object.GetNamespace(), err)
	}

	if spec == nil {
		spec = map[string]any{}
	}

	text, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("write the spec of %s in %s: %w", service, object.GetNamespace(), err)
	}

	saved := corev1apply.ConfigMap(savedName(service), object.GetNamespace()).
		WithLabels(ManagedLabels()).WithAnnotations(map[string]string{annotationSavedOf: string(object.GetUID())}).
		WithData(map[string]string{savedKey: string(text)})

	if err := r.client.Apply(ctx, saved, client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return fmt.Errorf("save the spec of %s in ConfigMap %s in %s: %w", service, savedName(service), object.GetNamespace(), err)
	}

	return nil
}

// savedSpec is what was saved of a service, past the cache, and the resourceVersion it was saved as; both are empty where nothing
// was.
func (r *reconciler) savedSpec(ctx context.Context, namespace string, service tenant.Service) (spec map[string]any, version string, err error) {
	var saved corev1.ConfigMap

	err = r.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: savedName(service)}, &saved)
	if apierrors.IsNotFound(err) {
		return map[string]any{}, "", nil
	}

	if err != nil {
		return nil, "", fmt.Errorf("get the spec of %s that was saved in ConfigMap %s in %s: %w", service, savedName(service), namespace, err)
	}

	object := &unstructured.Unstructured{} // its numbers are those of Kubernetes

	wrapped, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": service.Kind(), "spec": json.RawMessage(saved.Data[savedKey])})
	if err == nil {
		err = object.UnmarshalJSON(wrapped)
	}

	if err == nil {
		spec, _, err = unstructured.NestedMap(object.Object, "spec")
	}

	if err != nil {
		return nil, "", fmt.Errorf("read the spec of %s that was saved, key %s of ConfigMap %s in %s: %w; mend it, or delete the ConfigMap "+
			"to begin with an empty spec", service, savedKey, savedName(service), namespace, err)
	}

	if spec == nil {
		spec = map[string]any{}
	}

	return spec, saved.ResourceVersion, nil
}

// forgetSaved removes what a service was restored from, and then the mark that says so: whenever the controller stops between
// two steps, it goes on from there. What was saved since then stays: the object is not the one in the cache any more.
func (r *reconciler) forgetSaved(ctx context.Context, object *unstructured.Unstructured) error {
	version, isRestored := object.GetAnnotations()[annotationRestored]
	if !isRestored {
		return nil
	}

	// Its user may have written the annotation: it names nothing, and what it holds is compared.
	saved := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: object.GetNamespace(), Name: object.GetName() + "-saved"}}

	err := r.client.Delete(ctx, saved, client.Preconditions{ResourceVersion: &version})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete ConfigMap %s in %s: %w", saved.Name, saved.Namespace, err)
	}

	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": object.GetUID(), "resourceVersion": object.GetResourceVersion(), "annotations": map[string]*string{annotationRestored: nil},
	}})
	if err != nil {
		return fmt.Errorf("write the patch of %s in %s: %w", object.GetName(), object.GetNamespace(), err)
	}

	err = r.client.Patch(ctx, object.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldManager))
	if err = client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("take an annotation off %s %s in %s: %w", object.GetKind(), object.GetName(), object.GetNamespace(), err)
	}

	return nil
}
