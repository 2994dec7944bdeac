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

// healthTarget is one object that a condition is about, or all of its kind.
type healthTarget struct {
	condition HealthCondition
	namespace string // empty: its kind has none
	name      string // empty: all
}

func (t healthTarget) in(client dynamic.Interface) dynamic.ResourceInterface {
	resource := client.Resource(t.condition.resource())
	if t.namespace == "" {
		return resource
	}
	return resource.Namespace(t.namespace)
}

// judge is why what is there does not fulfil the condition; zero if it does.
func (t healthTarget) judge(objects []*unstructured.Unstructured) FailingObject {
	if t.name != "" {
		var object *unstructured.Unstructured // it does not exist
		if len(objects) > 0 {
			object = objects[0]
		}
		return t.failing(t.name, t.condition.unmet(object))
	}
	counted := 0
	for _, object := range objects {
		if !t.condition.counts(object) {
			continue
		}
		counted++
		if why := t.condition.unmet(object); why != "" {
			return t.failing(object.GetName(), why)
		}
	}
	switch {
	case counted > 0:
		return FailingObject{}
	case len(objects) > 0:
		return t.failing("", "of none is condition "+t.condition.Among+" True yet")
	default:
		return t.failing("", "there is none yet")
	}
}

// failing names an object; zero if there is no reason why.
func (t healthTarget) failing(name, why string) FailingObject {
	if why == "" {
		return FailingObject{}
	}
	return FailingObject{Kind: t.condition.Kind, Namespace: t.namespace, Name: name, Why: why}
}

// unmet asks for what the target is about, and judges it. What can't be asked for fulfils nothing, which is the error too.
func (t healthTarget) unmet(ctx context.Context, client dynamic.Interface) (FailingObject, error) {
	objects, err := t.read(ctx, t.in(client))
	if err != nil {
		return t.failing(t.name, cut(err.Error())), err
	}
	return t.judge(objects), nil
}

func (t healthTarget) read(ctx context.Context, resource dynamic.ResourceInterface) ([]*unstructured.Unstructured, error) {
	if t.name != "" {
		object, err := resource.Get(ctx, t.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return []*unstructured.Unstructured{object}, err
	}
	var out []*unstructured.Unstructured
	return out, eachPage(ctx, func(ctx context.Context, o metav1.ListOptions) (string, error) {
		list, err := resource.List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			out = append(out, &list.Items[i])
		}
		return list.GetContinue(), nil
	})
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
		if c.Name != "" || c.Live {
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
		if c.Name == "" && !c.Live && h.inspect != nil {
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
		if failing, _ := target.unmet(ctx, h.dynamic); failing != (FailingObject{}) {
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
		if found := h.inspect.look(ctx, suspect{p, failing}); found.known {
			status.Object, status.Warning = found.object, found.warning
		}
	}
	return status
}
