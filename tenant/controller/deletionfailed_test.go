// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// TestAStepOfADeletionThatFailsSaysSo: whatever the API server refuses, the tenant tells it and since when, and it is tried again.
func TestAStepOfADeletionThatFailsSaysSo(t *testing.T) {
	key := types.NamespacedName{Namespace: "tenant-root", Name: "a"}

	for _, tc := range []struct {
		verb, object, reason string
		has                  client.Object // what is in the tenant. Nil: nothing
	}{
		{"patch", "/tenant-a", ReasonClosingNamespace, nil},
		{"delete", "tenant-a/b", ReasonDeletingTenants, made("tenant-a", "b", v1alpha1.TenantSpec{})},
		{"delete", "tenant-a/db", ReasonDeletingApplications, unheld(app("Postgres", "tenant-a", "db"))},
		{"delete", "tenant-a/etcd", ReasonDeletingServices, unheld(app("Etcd", "tenant-a", "etcd"))},
		{"delete", "tenant-a/stray", ReasonDeletingReleases, unheld(orderedObject(releaseOfFlux(), "tenant-a", "stray"))},
		{"delete", "/tenant-a", ReasonDeletingNamespace, nil},
		{"patch", "tenant-root/a", ReasonLettingGo, nil},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			has := []client.Object{plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{})}
			if tc.has != nil {
				has = append(has, tc.has)
			}

			w := newWorld(t, has...)
			w.settle()
			w.confirm("tenant-root", "a")
			w.delete("tenant-root", "a")
			_, err := w.resolver().Reconcile(t.Context(), reconcile.Request{})
			require.NoError(t, err)

			w.fails = func(verb string, object client.Object) error {
				if verb != tc.verb || client.ObjectKeyFromObject(object).String() != tc.object {
					return nil
				}

				return errors.New("refused by a webhook: " + strings.Repeat("x", 2*maxSaid))
			}

			for err == nil { // what comes before that step takes a look each
				err = w.reconcile(key)
			}

			require.ErrorContains(t, err, "refused by a webhook")
			w.requireReason("tenant-root", "a", "Deleting", metav1.ConditionTrue, tc.reason)
			w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, tc.reason)

			message := w.condition("tenant-root", "a", "Deleting").Message
			require.Contains(t, message, "since 2027-01-15T08:00:00Z: the step failed and is tried again (")
			require.Contains(t, message, "refused by a webhook")
			require.Less(t, len(message), maxSaid+300)

			w.writes = nil
			require.Error(t, w.reconcile(key))
			require.Empty(t, w.writes, "it is told once")

			w.now = w.now.Add(time.Hour)
			require.Error(t, w.reconcile(key))
			w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, ReasonDeletionOverdue)
			require.Contains(t, w.condition("tenant-root", "a", "Ready").Message, "refused by a webhook")

			w.fails = nil
			w.settle()
			require.True(t, w.isGone("tenant-root", "a"))
		})
	}
}

func unheld(object *unstructured.Unstructured) *unstructured.Unstructured {
	object.SetFinalizers(nil)

	return object
}

// What can't be asked for what there is fails like what can't be deleted.
func TestADeletionThatCanNotAskSaysSo(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()
	w.delete("tenant-root", "a")
	_, err := w.resolver().Reconcile(t.Context(), reconcile.Request{})
	require.NoError(t, err)

	one := w.reconciler()
	one.ordered.served = func() ([]string, error) { return nil, errors.New("the API server does not tell its kinds") }

	_, err = one.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "tenant-root", Name: "a"}})
	require.ErrorContains(t, err, "does not tell its kinds")
	w.requireReason("tenant-root", "a", "Deleting", metav1.ConditionTrue, ReasonDeletingApplications)
	require.Contains(t, w.condition("tenant-root", "a", "Deleting").Message, "does not tell its kinds")
}

// Where not even the namespace can be asked for, the step stays the one that it was, with its clock.
func TestAFailureBeforeAnyStepIsOfTheStepThatWasReached(t *testing.T) {
	one := made("tenant-root", "a", v1alpha1.TenantSpec{})
	namespace := plainNamespace("tenant-a", nil)
	r := newWorld(t).reconciler()
	require.Equal(t, ReasonClosingNamespace, r.reached(one, namespace).reason)

	one.Status = deletingStatus(one, ReasonDeletingServices, "waiting", metav1.Now(), false)
	require.Equal(t, ReasonDeletingServices, r.reached(one, namespace).reason)
}

// A conflict is no failure: the newer state is on its way.
func TestAConflictInADeletionSaysNothing(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()
	w.delete("tenant-root", "a")
	w.writes = nil
	w.fails = func(verb string, object client.Object) error {
		if verb != "delete" || object.GetName() != "tenant-a" {
			return nil
		}

		return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("namespaces").GroupResource(), object.GetName(), errors.New("it changed"))
	}
	w.pass()
	require.NotContains(t, w.writes, "status tenant-root/a")

	w.fails = nil
	w.settle()
	require.True(t, w.isGone("tenant-root", "a"))
}
