// SPDX-License-Identifier: Apache-2.0

package application

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

const (
	// LabelNamespace names the namespace of the application that an object without namespace belongs to. Charts set it: Flux
	// sets the other three on all that a release makes.
	LabelNamespace = "apps.cozystack.io/application.namespace"

	// judgeTimeout bounds one judgement: what it reads comes from others.
	judgeTimeout = time.Second
	// maxNamed bounds the objects that a message names.
	maxNamed = 3
)

// judge judges objects of one kind.
type judge struct {
	gvk       schema.GroupVersionKind
	evaluator *cel.StatusEvaluator
}

// judgesOf makes the judges of a definition. The error names each expression that can't be read.
func judgesOf(of *definition.ApplicationDefinition) ([]judge, error) {
	var (
		judges []judge
		all    []error
	)

	for i, one := range of.Spec.Release.HealthCheckExprs {
		expressions := &kustomize.HealthCheckExpressions{Current: one.Current, InProgress: one.InProgress, Failed: one.Failed}

		evaluator, err := cel.NewStatusEvaluator(expressions)
		if err != nil {
			all = append(all, fmt.Errorf("spec.release.healthCheckExprs[%d]: %w", i, err))

			continue
		}

		judges = append(judges, judge{gvk: schema.FromAPIVersionAndKind(one.APIVersion, one.Kind), evaluator: evaluator})
	}

	return judges, errors.Join(all...)
}

// health judges what the release of an application made. Nil: there is nothing to judge, or not everything can be seen yet.
func (w *world) health(ctx context.Context, one kind, o application.Object) (*application.Health, reconcile.Result, error) {
	if len(one.health) == 0 || o.Release == nil {
		return nil, reconcile.Result{}, nil
	}

	var sick []string

	for _, judge := range one.health {
		if !w.watches.isFilled(judge.gvk) {
			return nil, reconcile.Result{RequeueAfter: fillInterval}, nil
		}

		objects, err := w.belonging(ctx, judge.gvk, o)
		if err != nil {
			return nil, reconcile.Result{}, err
		}

		for i := range objects {
			if said := judge.says(ctx, &objects[i]); said != "" {
				sick = append(sick, said)
			}
		}
	}

	message := strings.Join(sick[:min(maxNamed, len(sick))], "; ")
	if more := len(sick) - maxNamed; more > 0 {
		message += fmt.Sprintf("; and %d more", more)
	}

	return &application.Health{IsHealthy: len(sick) == 0, Message: message}, reconcile.Result{}, nil
}

// belonging are the objects of a kind that belong to an application, in the order of their names. What the cache does not show
// is asked for before an application becomes Ready: its release may have made it a moment ago. While it is, the cache tells.
func (w *world) belonging(ctx context.Context, gvk schema.GroupVersionKind, o application.Object) ([]unstructured.Unstructured, error) {
	labels := client.MatchingLabels{
		application.LabelGroup: v1alpha1.GroupVersion.Group, application.LabelKind: o.Definition.Spec.Application.Kind,
		application.LabelName: o.Resource.GetName(),
	}
	options := []client.ListOption{labels, client.InNamespace(o.Resource.GetNamespace())}

	isNamespaced, err := apiutil.IsGVKNamespaced(gvk, w.mapper)
	if err != nil {
		return nil, fmt.Errorf("find out whether kind %s has namespaces: %w", gvk.Kind, err)
	}

	if !isNamespaced {
		labels[LabelNamespace] = o.Resource.GetNamespace()
		options = []client.ListOption{labels}
	}

	readers := []client.Reader{w.belongings, w.live}
	if isReady(o.Resource) {
		readers = readers[:1]
	}

	for _, from := range readers {
		list := watch.List(gvk)
		if err := from.List(ctx, list, options...); err != nil {
			return nil, fmt.Errorf("list objects of kind %s of the application: %w", gvk.Kind, err)
		}

		if len(list.Items) > 0 {
			slices.SortFunc(list.Items, func(a, b unstructured.Unstructured) int { return cmp.Compare(a.GetName(), b.GetName()) })

			return list.Items, nil
		}
	}

	return nil, nil
}

// says is why an object is not healthy. Empty: it is.
func (j judge) says(ctx context.Context, object *unstructured.Unstructured) string {
	ctx, cancel := context.WithTimeout(ctx, judgeTimeout)
	defer cancel()

	what := object.GetKind() + " " + object.GetName()

	result, err := j.evaluator.Evaluate(ctx, object)

	_, hasStatus := object.Object["status"]

	switch {
	case err != nil && !hasStatus:
		return what + " has no status yet: its operator has not seen it"
	case err != nil: // as where a field is not there yet
		return fmt.Sprintf("%s can't be judged yet: %v", what, err)
	case result.Status == status.CurrentStatus:
		return ""
	case result.Status == status.FailedStatus:
		what += " has failed"
	default:
		what += " is not ready yet"
	}

	if said := whatItSays(object); said != "" {
		what += ": " + said
	}

	return what
}
