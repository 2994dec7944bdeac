// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// release is the HelmRelease of an application's name, whoever made it; nil: there is none. The cache has those of
// applications only, so that one which is not there is asked for, until the application has one of its own.
func (r *reconciler) release(ctx context.Context, o application.Object) (*unstructured.Unstructured, error) {
	key := client.ObjectKey{Namespace: o.Resource.GetNamespace(), Name: o.ReleaseName()}

	for _, from := range []client.Reader{r.belongings, r.live} {
		found := watch.Object(releaseKind())

		err := from.Get(ctx, key, found)
		if err == nil {
			return found, nil
		}

		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("get HelmRelease %s: %w", key, err)
		}
	}

	return nil, nil
}

// keepRelease makes the HelmRelease of an application, or brings it to what it should be, and writes only a difference. It
// gives the HelmRelease as it is then; where none may be made, or the one of the name is not the application's, that is the
// one there was.
//
// What is there is replaced rather than applied: server-side apply leaves null where the last key of a map goes, which to
// Helm takes a chart's default away, and keeps what others put among the values. Values are the user's and the platform's,
// as a whole. Only spec.suspend is left to operators.
func (r *reconciler) keepRelease(ctx context.Context, o application.Object) (*unstructured.Unstructured, error) {
	wanted, err := o.MakeRelease()
	if err != nil {
		return o.Release, nil //nolint:nilerr // the status says why
	}

	if o.Release != nil && (o.Release.GetDeletionTimestamp() != nil || isKept(o.Release, wanted)) {
		return o.Release, nil
	}

	// Before anything is made for it, so that nothing is left behind when it goes.
	if err := r.hold(ctx, o.Resource); err != nil {
		return nil, err
	}

	if o.Release == nil {
		return r.createRelease(ctx, wanted)
	}

	changed := replaced(o.Release, wanted)
	if err := r.client.Update(ctx, changed, client.FieldOwner(FieldManager)); err != nil {
		return nil, fmt.Errorf("update HelmRelease %s: %w", wanted.GetName(), err)
	}

	return changed, nil
}

func (r *reconciler) createRelease(ctx context.Context, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	err := r.client.Create(ctx, wanted, client.FieldOwner(FieldManager))

	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil, nil // the application goes with its namespace
	case err != nil:
		return nil, fmt.Errorf("create HelmRelease %s: %w", wanted.GetName(), err)
	}

	r.log.InfoContext(ctx, "made the release of an application",
		"namespace", wanted.GetNamespace(), "release", wanted.GetName(), "kind", wanted.GetLabels()[application.LabelKind])

	return wanted, nil
}

// isKept says whether a HelmRelease is as wanted. The API server adds fields of its own beside values.
func isKept(found, wanted *unstructured.Unstructured) bool {
	has, _, _ := unstructured.NestedFieldNoCopy(found.Object, "spec", "values")
	wants, _, _ := unstructured.NestedFieldNoCopy(wanted.Object, "spec", "values")

	return reflect.DeepEqual(has, wants) && reflect.DeepEqual(found.GetLabels(), wanted.GetLabels()) &&
		equality.Semantic.DeepDerivative(wanted.Object["spec"], found.Object["spec"])
}

// replaced is what is found with the labels and the spec that are wanted.
func replaced(found, wanted *unstructured.Unstructured) *unstructured.Unstructured {
	changed, spec := found.DeepCopy(), wanted.DeepCopy().Object["spec"]

	if isSuspended, isThere, _ := unstructured.NestedBool(found.Object, "spec", "suspend"); isThere {
		spec.(map[string]any)["suspend"] = isSuspended //nolint:forcetypeassert // MakeRelease makes it a map
	}

	changed.Object["spec"] = spec
	changed.SetLabels(wanted.GetLabels())

	return changed
}
