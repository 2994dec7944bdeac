// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// healthTarget is one object that a condition is about.
type healthTarget struct {
	condition HealthCondition
	namespace string // empty: its kind has none
	name      string
}

func (t healthTarget) in(client dynamic.Interface) dynamic.ResourceInterface {
	resource := client.Resource(t.condition.resource())
	if t.namespace == "" {
		return resource
	}
	return resource.Namespace(t.namespace)
}

// judge is why the object does not fulfil the condition; zero if it does. A nil object does not exist.
func (t healthTarget) judge(object *unstructured.Unstructured) FailingObject {
	why := t.condition.unmet(object)
	if why == "" {
		return FailingObject{}
	}
	return FailingObject{Kind: t.condition.Kind, Namespace: t.namespace, Name: t.name, Why: why}
}

// healthCheck asks a cluster for the conditions of packages whose releases are deployed. It changes nothing.
type healthCheck struct {
	dynamic dynamic.Interface
	inspect *inspector // knows what a release has; nil: none has anything
}

// targets are the objects that a package's conditions are about, in their order.
func (h healthCheck) targets(ctx context.Context, p Package) ([]healthTarget, error) {
	rendered, err := h.rendered(ctx, p)
	if err != nil {
		return nil, err
	}
	var out []healthTarget
	for _, c := range p.Health.Conditions {
		namespaced, err := h.hasNamespaces(ctx, c.crd())
		if err != nil {
			return nil, err
		}
		add := func(namespace, name string) {
			if namespace == "" {
				namespace = p.Namespace
			}
			if !namespaced {
				namespace = ""
			}
			out = append(out, healthTarget{c, namespace, name})
		}
		if c.Name != "" {
			add(c.Namespace, c.Name)
			continue
		}
		for _, object := range rendered {
			if c.is(object) {
				add(object.GetNamespace(), object.GetName())
			}
		}
	}
	return out, nil
}

// rendered are the objects of the package's release, where some condition does not name its own.
func (h healthCheck) rendered(ctx context.Context, p Package) ([]*unstructured.Unstructured, error) {
	for _, c := range p.Health.Conditions {
		if c.Name == "" && h.inspect != nil {
			return h.inspect.helm.objects(ctx, p.Release, p.Namespace)
		}
	}
	return nil, nil
}

// hasNamespaces reports whether the kind of a CRD has.
func (h healthCheck) hasNamespaces(ctx context.Context, crd string) (bool, error) {
	object, err := h.dynamic.Resource(definitions()).Get(ctx, crd, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("read CRD %s: %w", crd, err)
	}
	scope, _, _ := unstructured.NestedString(object.Object, "spec", "scope")
	return scope == "Namespaced", nil
}

// unmet looks once, and is the first object that does not fulfil its condition; zero if all do. What can't be asked for
// fulfils nothing.
func (h healthCheck) unmet(ctx context.Context, p Package) FailingObject {
	targets, err := h.targets(ctx, p)
	if err != nil {
		return unasked(p, err)
	}
	for _, target := range targets {
		object, err := target.in(h.dynamic).Get(ctx, target.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			object, err = nil, nil
		}
		if err != nil {
			return FailingObject{Kind: target.condition.Kind, Namespace: target.namespace, Name: target.name, Why: cut(err.Error())}
		}
		if failing := target.judge(object); failing != (FailingObject{}) {
			return failing
		}
	}
	return FailingObject{}
}

// unasked stands for all objects of a package's conditions, which could not be found out.
func unasked(p Package, err error) FailingObject {
	c := p.Health.Conditions[0]
	return FailingObject{Kind: c.Kind, Namespace: p.Namespace, Name: c.Name, Why: cut("it could not be asked: " + err.Error())}
}

// deployed is what is said of a package whose release is as it should be, and whose conditions do not hold.
const deployed = "its release is deployed, but not healthy yet"

// judge makes of a package that Flux calls ready one that installs still, if its conditions do not hold.
func (h healthCheck) judge(ctx context.Context, p Package, status PackageStatus) PackageStatus {
	if status.State != StateReady || len(p.Health.Conditions) == 0 {
		return status
	}
	if failing := h.unmet(ctx, p); failing != (FailingObject{}) {
		status.State, status.Message, status.Object = StateInstalling, deployed, failing
	}
	return status
}
