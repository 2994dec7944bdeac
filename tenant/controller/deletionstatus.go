// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

const (
	// maxNamed bounds the remainders that a message names.
	maxNamed = 5
	// maxSaid bounds what a message quotes of others, in bytes.
	maxSaid = 1024
)

// awaitStage writes what a step waits for, and has the tenant looked at again when the step is overdue. Nothing else makes it
// look again but events.
func (r *reconciler) awaitStage(
	ctx context.Context, t *v1alpha1.Tenant, known entry, now stage, left []remainder,
) (reconcile.Result, error) {
	since := metav1.NewTime(r.now().Truncate(time.Second))
	if before := meta.FindStatusCondition(t.Status.Conditions, v1alpha1.ConditionDeleting); before != nil && before.Reason == now.reason {
		since = before.LastTransitionTime
	}

	var until time.Duration
	if now.bound > 0 {
		until = since.Add(now.bound).Sub(r.now())
	}

	isOverdue := now.bound > 0 && until <= 0
	if isOverdue {
		r.askThem(ctx, left)
	}

	message := fmt.Sprintf("waiting for %s since %s: %s", now.what, since.UTC().Format(time.RFC3339), nameSome(left))

	if isOverdue {
		message += fmt.Sprintf("; that may take %s and takes longer", now.bound)
	}

	if isOverdue || now.bound == 0 {
		message += "; " + now.advice
	}

	return reconcile.Result{RequeueAfter: max(until, 0)}, r.writeStatus(ctx, t, known, deletingStatus(t, now.reason, message, since, isOverdue))
}

// failStage writes at which step something was refused or broke, and gives that back as an error, which has the step tried again with
// back-off. Also a step that fails all the time is overdue in the end.
func (r *reconciler) failStage(ctx context.Context, t *v1alpha1.Tenant, known entry, at stage, err error) (reconcile.Result, error) {
	told, err := failed(ctx, err)
	if err != nil {
		return reconcile.Result{}, err
	}

	says := application.Clip(told.retry.Error(), maxSaid-len("..."))
	_, err = r.awaitStage(ctx, t, known, at, []remainder{{kind: "the step", name: "failed and is tried again", says: says}})

	return reconcile.Result{}, errors.Join(told.retry, err)
}

// askThem adds what the remainders that a message names say of themselves. What can't be read is left out: it is there to help.
func (r *reconciler) askThem(ctx context.Context, left []remainder) {
	for i := range left[:min(maxNamed, len(left))] {
		if left[i].object == nil {
			continue
		}

		now := &unstructured.Unstructured{}
		now.SetGroupVersionKind(left[i].object.GetObjectKind().GroupVersionKind())

		if err := r.live.Get(ctx, client.ObjectKeyFromObject(left[i].object), now); err != nil {
			continue
		}

		if ready := watch.Condition(now, v1alpha1.ConditionReady); ready != nil && ready.Message != "" {
			left[i].says = strings.TrimPrefix(left[i].says+"; it says: "+ready.Message, "; ")
		}
	}
}

// deletingStatus says which step a tenant that is being deleted has come to.
func deletingStatus(t *v1alpha1.Tenant, reason, message string, since metav1.Time, isOverdue bool) v1alpha1.TenantStatus {
	status := *t.Status.DeepCopy()
	status.ObservedGeneration = t.Generation

	meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionDeleting) // its time is that of the step, not of its status
	status.Conditions = append(status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionDeleting, Status: metav1.ConditionTrue, ObservedGeneration: t.Generation,
		LastTransitionTime: since, Reason: reason, Message: message,
	})

	if isOverdue {
		reason = ReasonDeletionOverdue
	}

	set(&status, t, v1alpha1.ConditionReady, step{reason: reason, message: message})

	return status
}

// nameSome names the first remainders, with what they say themselves.
func nameSome(left []remainder) string {
	var names []string

	for _, one := range left[:min(maxNamed, len(left))] {
		name := one.String()
		if one.says != "" {
			name += " (" + strings.ToValidUTF8(one.says[:min(maxSaid, len(one.says))], "") + ")"
		}

		names = append(names, name)
	}

	list := strings.Join(names, ", ")
	if more := len(left) - maxNamed; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}

	return list
}

// remains is what the namespace controller says is still in a namespace that is being deleted.
func remains(namespace *corev1.Namespace) string {
	var said []string

	for _, condition := range namespace.Status.Conditions {
		if condition.Status == corev1.ConditionTrue && condition.Message != "" {
			said = append(said, condition.Message)
		}
	}

	return strings.Join(said, "; ")
}
