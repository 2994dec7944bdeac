// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// ReasonDeletionOverdue is that of Ready where an application could not be removed in time.
const ReasonDeletionOverdue = "DeletionOverdue"

// deletionTime is how long removing an application may take before its status says that something is wrong: Helm's own bound
// for one attempt, and half of it again.
const deletionTime = 15 * time.Minute

// takeDown removes the release of an application, then what it left behind, and lets the application go when that is gone. Its
// definition may be gone already: the labels of HelmReleases say whose they are.
func (r *reconciler) takeDown(ctx context.Context, leftovers []definition.Leftover, object *unstructured.Unstructured) (reconcile.Result, error) {
	if !controllerutil.ContainsFinalizer(object, Finalizer) {
		return reconcile.Result{}, nil
	}

	release, stays, err := r.clear(ctx, leftovers, object)

	switch {
	case err != nil:
		return reconcile.Result{}, r.sayFailed(ctx, object, err)
	case release != nil:
		return r.sayWhatRemains(ctx, object, release, stays)
	case stays != "":
		r.event(object, corev1.EventTypeWarning, ReasonDataStays, "Delete", stays)
	}

	if err := r.letGo(ctx, object); err != nil {
		return reconcile.Result{}, r.sayFailed(ctx, object, err)
	}

	r.log.InfoContext(ctx, "removed an application", "kind", object.GetKind(), "application", client.ObjectKeyFromObject(object).String())

	return reconcile.Result{}, nil
}

// clear deletes the HelmReleases of an application, and when they are gone, what it left behind. It gives the first that is still there,
// nil where none is, and what holds data and stays.
func (r *reconciler) clear(
	ctx context.Context, leftovers []definition.Leftover, object *unstructured.Unstructured,
) (release *unstructured.Unstructured, stays string, err error) {
	releases, err := r.releases(ctx, object)
	if err != nil {
		return nil, "", err
	}

	if stays, err = r.dataThatStays(ctx, leftovers, object); err != nil {
		return nil, "", err
	}

	if len(releases) == 0 {
		return nil, stays, r.removeLeftovers(ctx, leftovers, object)
	}

	for i := range releases {
		if err := r.remove(ctx, &releases[i]); err != nil {
			return nil, "", err
		}
	}

	return &releases[0], stays, nil
}

// releases are the HelmReleases of an application, asked for past the cache before it counts as gone: the cache may not show
// yet one that was made a moment ago, and that one would be left behind.
func (r *reconciler) releases(ctx context.Context, object *unstructured.Unstructured) ([]unstructured.Unstructured, error) {
	for _, from := range []client.Reader{r.belongings, r.live} {
		list := watch.List(releaseKind())

		err := from.List(ctx, list, client.InNamespace(object.GetNamespace()), releaseLabels(object))
		if err != nil {
			return nil, fmt.Errorf("list its HelmReleases: %w", err)
		}

		if len(list.Items) > 0 {
			return list.Items, nil
		}
	}

	return nil, nil
}

// releaseLabels are those by which the HelmReleases of an application are known.
func releaseLabels(object *unstructured.Unstructured) client.MatchingLabels {
	return client.MatchingLabels{
		labelManagedBy: FieldManager, application.LabelGroup: v1alpha1.GroupVersion.Group,
		application.LabelKind: object.GetKind(), application.LabelName: object.GetName(),
	}
}

// isReleaseOf says whether a HelmRelease is an application's own. Nil is not.
func isReleaseOf(release, object *unstructured.Unstructured) bool {
	return release != nil && labels.SelectorFromSet(labels.Set(releaseLabels(object))).Matches(labels.Set(release.GetLabels()))
}

// remove deletes a HelmRelease, upon which Flux uninstalls what it made. Flux leaves everything behind of one that is
// suspended: such a one is let run first.
func (r *reconciler) remove(ctx context.Context, release *unstructured.Unstructured) error {
	if release.GetDeletionTimestamp() != nil {
		return nil
	}

	if isSuspended, _, _ := unstructured.NestedBool(release.Object, "spec", "suspend"); isSuspended {
		unstructured.RemoveNestedField(release.Object, "spec", "suspend")

		if err := client.IgnoreNotFound(r.client.Update(ctx, release, client.FieldOwner(FieldManager))); err != nil {
			return fmt.Errorf("resume HelmRelease %s: %w", release.GetName(), err)
		}
	}

	uid := release.GetUID()
	if err := client.IgnoreNotFound(r.client.Delete(ctx, release, client.Preconditions{UID: &uid})); err != nil {
		return fmt.Errorf("delete HelmRelease %s: %w", release.GetName(), err)
	}

	return nil
}

// sayWhatRemains tells in the status what an application that is being deleted waits for, and what of it will stay, while that can
// be changed still. It looks again when the deletion is overdue.
func (r *reconciler) sayWhatRemains(ctx context.Context, object, release *unstructured.Unstructured, stays string) (reconcile.Result, error) {
	left := object.GetDeletionTimestamp().Add(deletionTime).Sub(r.now())
	reason := application.ReasonDeleting
	message := fmt.Sprintf("waiting for HelmRelease %s to be removed", release.GetName())

	if left <= 0 {
		reason = ReasonDeletionOverdue
		message = fmt.Sprintf("HelmRelease %s could not be removed within %s; see kubectl describe helmreleases.helm.toolkit.fluxcd.io --namespace %s %s",
			release.GetName(), deletionTime, release.GetNamespace(), release.GetName())
	}

	if said := whatItSays(release); said != "" {
		message += ": " + said
	}

	if stays != "" {
		message += fmt.Sprintf("; %s; to delete that too, annotate it with %s=%s", stays, v1alpha1.AnnotationAcceptDataLoss, object.GetName())
	}

	return reconcile.Result{RequeueAfter: max(left, 0)}, r.sayDeleting(ctx, object, reason, message)
}

// sayFailed tells in the status what keeps an application from being removed, and gives that back as an error, which has it tried again
// with back-off. A conflict is nothing to tell, as the newer state comes with an event, and nothing can be told once the controller ends.
func (r *reconciler) sayFailed(ctx context.Context, object *unstructured.Unstructured, err error) error {
	if apierrors.IsConflict(err) || ctx.Err() != nil {
		return err
	}

	reason := application.ReasonDeleting
	if !object.GetDeletionTimestamp().Add(deletionTime).After(r.now()) {
		reason = ReasonDeletionOverdue
	}

	message := "removing it failed and is tried again: " + application.Clip(err.Error(), maxMessage)

	return errors.Join(err, r.sayDeleting(ctx, object, reason, message))
}

// sayDeleting says in the status why an application that is being deleted is still there.
func (r *reconciler) sayDeleting(ctx context.Context, object *unstructured.Unstructured, reason, message string) error {
	status := statusOf(object)
	setReady(&status, metav1.Condition{
		Type: application.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message,
		ObservedGeneration: object.GetGeneration(), LastTransitionTime: metav1.NewTime(r.now().Truncate(time.Second)),
	})

	return r.writeStatus(ctx, object, status)
}

// statusOf is what an application says of itself now. What can't be read counts as never said.
func statusOf(object *unstructured.Unstructured) application.Status {
	var status application.Status

	content, _, _ := unstructured.NestedMap(object.Object, "status")
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &status); err != nil {
		return application.Status{}
	}

	return status
}

// setReady puts the condition in the place of the one there was, or first.
func setReady(status *application.Status, ready metav1.Condition) {
	if meta.FindStatusCondition(status.Conditions, ready.Type) == nil {
		status.Conditions = slices.Insert(status.Conditions, 0, ready)
	}

	meta.SetStatusCondition(&status.Conditions, ready)
}
