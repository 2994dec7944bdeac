// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/cozystack/cozy-install/tenant/controller/watch"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// annotationApplied holds a digest of what was last applied. By it a label that is no longer wanted is noticed, and what others do
// to an object is told from the controller's own writes.
const annotationApplied = "cozystack.io/applied"

// ManagedLabels are on every object that the controller makes in a tenant's namespace. A cache may hold only these.
func ManagedLabels() map[string]string { return map[string]string{labelManagedBy: FieldManager} }

// keep brings an object that was made for a tenant to what it should be, and writes only if the cache shows something else.
// It takes over an object of that name, whoever made it: in a tenant's namespace these names are the platform's.
func (r *reconciler) keep(ctx context.Context, wanted client.Object) error {
	apply, err := r.applied(wanted)
	if err != nil {
		return err
	}

	found, err := r.found(ctx, apply)
	if err != nil {
		return err
	}

	if found != nil {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(found)
		if err != nil {
			return fmt.Errorf("convert %s %s: %w", apply.GetKind(), apply.GetName(), err)
		}

		there := &unstructured.Unstructured{Object: fields}
		if err := r.takeOff(ctx, apply, there); err != nil {
			return err
		}

		if isAs(apply, there) {
			return nil
		}
	}

	err = r.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(apply), client.FieldOwner(FieldManager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s in %s: %w", apply.GetKind(), apply.GetName(), apply.GetNamespace(), err)
	}

	return nil
}

// takeOff removes what stands in a policy of Cilium beside what is wanted there: spec and specs are both enforced, and applying the one
// leaves the other to whoever wrote it.
func (r *reconciler) takeOff(ctx context.Context, wanted, found *unstructured.Unstructured) error {
	kind := wanted.GroupVersionKind()
	if kind.Group != policy.GroupVersionCilium().Group {
		return nil
	}

	foreign := map[string]any{}

	for key := range found.Object {
		if _, isWanted := wanted.Object[key]; !isWanted && isContent(key) {
			foreign[key] = nil
		}
	}

	if len(foreign) == 0 {
		return nil
	}

	patch, err := json.Marshal(foreign)
	if err != nil {
		return fmt.Errorf("write what goes from %s %s: %w", kind.Kind, wanted.GetName(), err)
	}

	object := watch.Object(kind)
	object.SetNamespace(wanted.GetNamespace())
	object.SetName(wanted.GetName())

	err = r.client.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldManager))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("take off %s %s in %s what somebody added: %w", kind.Kind, wanted.GetName(), wanted.GetNamespace(), err)
	}

	return nil
}

// isAs says whether an object is as it is wanted. Others may have added to its metadata, and fields beside those that are wanted,
// as the secrets of a service account, but nothing within these: one subject more, or one rule, is another object.
func isAs(wanted, found *unstructured.Unstructured) bool {
	for key, value := range wanted.Object {
		if isContent(key) && !equality.Semantic.DeepEqual(value, found.Object[key]) {
			return false
		}
	}

	owners := wanted.GetOwnerReferences()

	return holds(found.GetLabels(), wanted.GetLabels()) && holds(found.GetAnnotations(), wanted.GetAnnotations()) &&
		(len(owners) == 0 || equality.Semantic.DeepEqual(owners, found.GetOwnerReferences()))
}

// isContent says whether a field of an object is what it is kept for: neither what it is called, nor what others say of it.
func isContent(key string) bool {
	switch key {
	case "apiVersion", "kind", "metadata", "status":
		return false
	}

	return true
}

// holds says whether the labels include all that are wanted.
func holds(found, wanted map[string]string) bool {
	for key, value := range wanted {
		if has, isThere := found[key]; !isThere || has != value {
			return false
		}
	}

	return true
}

// applied is the object as it is sent: with our labels, the digest, and without what a zero value of a Go type would set.
func (r *reconciler) applied(wanted client.Object) (*unstructured.Unstructured, error) {
	labels := ManagedLabels()
	maps.Copy(labels, wanted.GetLabels())
	wanted.SetLabels(labels)

	gvk, err := apiutil.GVKForObject(wanted, r.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("find the kind of %s: %w", wanted.GetName(), err)
	}

	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(wanted)
	if err != nil {
		return nil, fmt.Errorf("convert %s %s: %w", gvk.Kind, wanted.GetName(), err)
	}

	apply := &unstructured.Unstructured{Object: fields}
	apply.SetGroupVersionKind(gvk)
	unstructured.RemoveNestedField(apply.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(apply.Object, "status")

	text, err := json.Marshal(apply.Object)
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", gvk.Kind, wanted.GetName(), err)
	}

	digest := sha256.Sum256(text)
	annotations := map[string]string{annotationApplied: hex.EncodeToString(digest[:8])}
	maps.Copy(annotations, wanted.GetAnnotations())
	apply.SetAnnotations(annotations)

	return apply, nil
}

// ownedByNamespace has what is made for a tenant outside of its namespace go with that.
func (r *reconciler) ownedByNamespace(ctx context.Context, name string) ([]metav1.OwnerReference, error) {
	namespace := &corev1.Namespace{}
	if err := r.client.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return nil, fmt.Errorf("get namespace %s: %w", name, err)
	}

	return []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: namespace.Name, UID: namespace.UID}}, nil
}

// found is the object as the cache has it, in the type in which it is wanted; nil if it is not there.
func (r *reconciler) found(ctx context.Context, apply *unstructured.Unstructured) (client.Object, error) {
	var found client.Object = &unstructured.Unstructured{}

	gvk := apply.GroupVersionKind()
	if typed, err := r.client.Scheme().New(gvk); err == nil {
		object, isObject := typed.(client.Object)
		if !isObject {
			return nil, fmt.Errorf("%s is a list, not an object", gvk.Kind)
		}

		found = object
	}

	found.GetObjectKind().SetGroupVersionKind(gvk) // what is unstructured is asked for by its kind

	var cached client.Reader = r.client
	if gvk.Group == policy.GroupVersionCilium().Group {
		cached = r.policies
	}

	err := cached.Get(ctx, client.ObjectKeyFromObject(apply), found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("get %s %s in %s: %w", gvk.Kind, apply.GetName(), apply.GetNamespace(), err)
	}

	return found, nil
}

// drop deletes an object that the controller made for a tenant, if the cache shows it. What others made stays.
func (r *reconciler) drop(ctx context.Context, unwanted client.Object) error {
	apply, err := r.applied(unwanted)
	if err != nil {
		return err
	}

	found, err := r.found(ctx, apply)
	if err != nil || found == nil || found.GetLabels()[labelManagedBy] != FieldManager {
		return err
	}

	return r.remove(ctx, found)
}
