// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// AssertEstablished checks that a custom resource definition is served.
func (c *Client) AssertEstablished(ctx context.Context, name string) error {
	crd, err := c.Dynamic.Resource(crds).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return &NotYetError{What: "established", Reasons: []string{name + " does not exist"}}
	}
	if err != nil {
		return fmt.Errorf("get custom resource definition %s: %w", name, err)
	}
	return AssertCondition(crd, "Established")
}

// AssertCondition checks that a condition of an object is True, and gives its own reason where it is not. A condition
// that speaks of an older generation counts as not there.
func AssertCondition(object *unstructured.Unstructured, kind string) error {
	what := fmt.Sprintf("%s %s", object.GetKind(), object.GetName())
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return fmt.Errorf("read the conditions of %s: %w", what, err)
	}
	for _, raw := range conditions {
		condition, ok := raw.(map[string]any)
		if !ok || condition["type"] != kind {
			continue
		}
		observed, has, _ := unstructured.NestedInt64(condition, "observedGeneration")
		if has && observed != 0 && observed < object.GetGeneration() {
			break
		}
		if condition["status"] == "True" {
			return nil
		}
		return &NotYetError{What: kind, Reasons: []string{fmt.Sprintf("%s: %v: %v", what, condition["reason"], condition["message"])}}
	}
	return &NotYetError{What: kind, Reasons: []string{what + " has not been looked at by its controller yet"}}
}

// Get reads one object. An empty namespace means a cluster-wide one.
func (c *Client) Get(ctx context.Context, gvr schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	object, err := c.Dynamic.Resource(gvr).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get %s %s/%s: %w", gvr.Resource, namespace, name, err)
	}
	return object, nil
}

// Apply server-side applies one object as FieldManager, taking fields over from nobody else: a conflict is an error.
func (c *Client) Apply(ctx context.Context, gvr schema.GroupVersionResource, object *unstructured.Unstructured) error {
	_, err := c.Dynamic.Resource(gvr).Namespace(object.GetNamespace()).Apply(ctx, object.GetName(), object,
		metav1.ApplyOptions{FieldManager: FieldManager})
	if apierrors.IsConflict(err) {
		return &TakenError{Resource: gvr.Resource, Namespace: object.GetNamespace(), Name: object.GetName(), Err: err}
	}
	if err != nil {
		return fmt.Errorf("apply %s %s/%s: %w", gvr.Resource, object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

// TakenError says that somebody else has set a field to another value than the installer wants.
type TakenError struct {
	Resource, Namespace, Name string
	Err                       error
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("apply %s %s/%s: %v", e.Resource, e.Namespace, e.Name, e.Err)
}
func (e *TakenError) Unwrap() error { return e.Err }

// Hint says what there is to decide.
func (e *TakenError) Hint() string {
	return fmt.Sprintf("make the site file agree with it, or set it back: kubectl edit %s %s -n %s", e.Resource, e.Name, e.Namespace)
}
