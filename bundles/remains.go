// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// remains are the objects of a release that were still there when they were looked at last.
type remains struct {
	release Installed
	client  dynamic.Interface
	mapper  meta.RESTMapper
	objects []*unstructured.Unstructured
	looks   int
}

// lookEvery is at how many probes the objects are looked at while somebody else deletes them: there may be hundreds.
const lookEvery = 6

func (c *Cluster) newRemains(one Installed, content releaseContent) (*remains, error) {
	getter, err := newClusterGetter(c.config, one.Namespace)
	if err != nil {
		return nil, err
	}
	out := &remains{release: one, client: c.dynamic, mapper: getter.mapper}
	for _, object := range content.objects {
		if !isKept(object) {
			out.objects = append(out.objects, object)
		}
	}
	return out, nil
}

// held names what is being deleted and does not go. Nil: nothing, or it is not time to look.
func (r *remains) held(ctx context.Context) error {
	if r.looks++; r.looks%lookEvery != 0 {
		return nil
	}
	left, err := r.look(ctx)
	if err != nil {
		return err
	}
	var leaving []string
	for _, object := range left {
		if object.GetDeletionTimestamp() != nil {
			leaving = append(leaving, describe(object))
		}
	}
	if len(leaving) == 0 {
		return nil
	}
	return fmt.Errorf("still there: %s", some(leaving))
}

// assertGone names what is left.
func (r *remains) assertGone(ctx context.Context) error {
	left, err := r.look(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	names := make([]string, len(left))
	for i, object := range left {
		names[i] = describe(object)
	}
	return fmt.Errorf("still there: %s", some(names))
}

// look returns the objects of the release that are there, and forgets the others.
func (r *remains) look(ctx context.Context) ([]*unstructured.Unstructured, error) {
	var there, asked []*unstructured.Unstructured
	for _, object := range r.objects {
		found, err := r.get(ctx, object)
		if err != nil {
			return nil, err
		}
		if found != nil && r.isOurs(found) {
			there, asked = append(there, found), append(asked, object)
		}
	}
	r.objects = asked
	return there, nil
}

// get is nil for an object that is not there, or of a kind that is not.
func (r *remains) get(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	kind := object.GroupVersionKind()
	mapping, err := r.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find kind %s: %w", kind.Kind, err)
	}
	resource := dynamic.ResourceInterface(r.client.Resource(mapping.Resource))
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		resource = r.client.Resource(mapping.Resource).Namespace(inNamespace(object, r.release.Namespace))
	}
	found, err := resource.Get(ctx, object.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind.Kind, object.GetName(), err)
	}
	return found, nil
}

// isOurs is false for an object that another release took over, or that somebody made anew.
func (r *remains) isOurs(object *unstructured.Unstructured) bool {
	a := object.GetAnnotations()
	return a[helmName] == r.release.Release && a[helmNamespace] == r.release.Namespace
}

// describe says what keeps an object: "ConfigMap cozy-a/a, held by finalizer example.org/hold".
func describe(object *unstructured.Unstructured) string {
	out := object.GetKind() + " "
	if object.GetNamespace() != "" {
		out += object.GetNamespace() + "/"
	}
	out += object.GetName()
	if finalizers := object.GetFinalizers(); len(finalizers) > 0 {
		out += ", held by finalizer " + strings.Join(finalizers, ", ")
	}
	if kind := object.GetKind(); kind == "CustomResourceDefinition" || kind == "Namespace" {
		out += remainingIn(object)
	}
	return out
}

// remainingIn is what the status of a CRD or a namespace that is going away says of what is left in it.
func remainingIn(object *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	var out []string
	for _, one := range conditions {
		condition, _ := one.(map[string]any)
		switch condition["type"] {
		case "Terminating", "NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionContentFailure":
			if message, _ := condition["message"].(string); condition["status"] == "True" && message != "" {
				out = append(out, message)
			}
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, "; ") + ")"
}
