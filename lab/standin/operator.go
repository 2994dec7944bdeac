// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bundles"
)

const (
	// simulated is the reason of every condition that a stand-in of an operator writes.
	simulated = "SimulatedByTheLab"
	// notDone is what it says while it is not done.
	notDone = "a stand-in for the operator of this object is not done with it yet"
)

// operators play those of the custom resources that packages' health conditions are about: each object is said not to be
// done at first, and to be as its conditions want it after Delay. Nothing is done.
type operators struct {
	registrar Registrar
	seen      map[string]time.Time // since when an object is there as it is, by kind, name and generation
	done      map[string]bool      // packages that were told to Registrar.Operated
}

// operate looks at all objects once.
func (o *operators) operate(ctx context.Context, c *cluster) error {
	for _, p := range o.registrar.Plan.Packages {
		objects, err := conditioned(ctx, c, p)
		if err != nil {
			return err
		}
		allDone := len(objects) > 0
		for _, one := range objects {
			isDone, err := o.writeStatus(ctx, c, p, one)
			if err != nil {
				return err
			}
			allDone = allDone && isDone
		}
		if allDone && !o.done[p.Name] && o.registrar.Operated != nil {
			o.registrar.Operated(p.Name)
		}
		o.done[p.Name] = o.done[p.Name] || allDone
	}
	return nil
}

// operated is an object and the conditions that are about it.
type operated struct {
	resource   schema.GroupVersionResource
	object     unstructured.Unstructured
	conditions []bundles.HealthCondition
}

// conditioned are the objects of a package that its health conditions are about.
func conditioned(ctx context.Context, c *cluster, p bundles.Package) ([]*operated, error) {
	var out []*operated
	known := map[string]*operated{}
	for _, condition := range p.Health.Conditions {
		resource := resourceOf(condition)
		list, err := c.objects.Resource(resource).List(ctx, metav1.ListOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resource.Resource, err)
		}
		if condition.Live && len(list.Items) == 0 && len(out) > 0 {
			if err := makeLive(ctx, c, p, condition); err != nil {
				return nil, err
			}
		}
		for _, object := range list.Items {
			isOfPackage := condition.Live || object.GetAnnotations()["meta.helm.sh/release-name"] == p.Release
			if !isOfPackage || condition.Name != "" && condition.Name != object.GetName() {
				continue
			}
			key := resource.String() + " " + object.GetNamespace() + "/" + object.GetName()
			if known[key] == nil {
				known[key] = &operated{resource: resource, object: object}
				out = append(out, known[key])
			}
			known[key].conditions = append(known[key].conditions, condition)
		}
	}
	return out, nil
}

// makeLive makes the one object that an operator would make of what the package's release has.
func makeLive(ctx context.Context, c *cluster, p bundles.Package, condition bundles.HealthCondition) error {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(condition.APIVersion)
	object.SetKind(condition.Kind)
	object.SetName("stand-in")
	_, err := c.objects.Resource(resourceOf(condition)).Create(ctx, object, metav1.CreateOptions{FieldManager: "lab-stand-in"})
	if err == nil || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return fmt.Errorf("make a %s for %s: %w", condition.Kind, p.Name, err)
}

func resourceOf(condition bundles.HealthCondition) schema.GroupVersionResource {
	group, _ := schema.ParseGroupVersion(condition.APIVersion)
	resource, _ := meta.UnsafeGuessKindToResource(group.WithKind(condition.Kind))
	return resource
}

// writeStatus reports whether the object is done.
func (o *operators) writeStatus(ctx context.Context, c *cluster, p bundles.Package, one *operated) (bool, error) {
	key := fmt.Sprintf("%s/%s %d", one.object.GetUID(), one.object.GetName(), one.object.GetGeneration())
	if o.seen[key].IsZero() {
		o.seen[key] = time.Now()
	}
	message, isStuck := o.registrar.Stuck[p.Name]
	isDone := !isStuck && time.Since(o.seen[key]) >= o.registrar.Delay
	if !isStuck {
		message = notDone
	}
	status := statusOf(one, isDone, message)
	if reflect.DeepEqual(one.object.Object["status"], status) {
		return isDone, nil
	}
	one.object.Object["status"] = status
	resource := c.objects.Resource(one.resource).Namespace(one.object.GetNamespace())
	_, err := resource.UpdateStatus(ctx, &one.object, metav1.UpdateOptions{FieldManager: "lab-stand-in"})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return false, nil // at the next look
	}
	return isDone && err == nil, err
}

// statusOf is what a stand-in's operator writes: what all conditions want, or that it is not done.
func statusOf(one *operated, isDone bool, message string) map[string]any {
	out := map[string]any{"observedGeneration": one.object.GetGeneration()}
	var list []any
	for _, c := range one.conditions {
		value := valueOf(c, isDone)
		if c.Field != "" {
			_ = unstructured.SetNestedField(out, value, strings.Split(c.Field, ".")[1:]...)
			if c.Message != "" && !isDone {
				_ = unstructured.SetNestedField(out, message, strings.Split(c.Message, ".")[1:]...)
			}
			continue
		}
		written := map[string]any{"type": c.Condition, "status": value, "reason": simulated}
		if !isDone {
			written["message"] = message
		}
		list = append(list, written)
		if c.Among != "" {
			list = append(list, map[string]any{"type": c.Among, "status": "True", "reason": simulated})
		}
	}
	if list != nil {
		out["conditions"] = list
	}
	return out
}

func valueOf(c bundles.HealthCondition, isDone bool) string {
	wanted := c.Value
	if wanted == "" {
		wanted = "True"
	}
	switch {
	case isDone:
		return wanted
	case c.Field != "":
		return "simulated"
	case wanted == "False":
		return "True"
	}
	return "False"
}
