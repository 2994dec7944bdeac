// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func TestAStepThatTakesTooLongSaysWhatToDo(t *testing.T) {
	key := types.NamespacedName{Namespace: "tenant-root", Name: "a"}
	db := app("Postgres", "tenant-a", "db")
	require.NoError(t, unstructured.SetNestedSlice(db.Object, []any{map[string]any{
		"type": "Ready", "status": "False", "message": "the account of its release is gone",
	}}, "status", "conditions"))

	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}), db)
	w.settle()
	w.delete("tenant-root", "a")
	w.settle()
	require.Equal(t, 20*time.Minute, w.again[key], "only the bound is waited for by the clock")

	w.now = w.now.Add(19 * time.Minute)
	require.Empty(t, w.settle(), "time alone changes nothing before the bound")
	require.Equal(t, time.Minute, w.again[key])

	w.now = w.now.Add(time.Minute)
	w.settle()
	w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "DeletionOverdue")
	w.requireReason("tenant-root", "a", "Deleting", metav1.ConditionTrue, "DeletingApplications")

	condition := w.condition("tenant-root", "a", "Deleting")
	require.EqualValues(t, 1_800_000_000, condition.LastTransitionTime.Unix(), "when the step began")

	for _, says := range []string{
		"Postgres db (kept by example.org/slow; it says: the account of its release is gone)", "may take 20m0s and takes longer",
		"kubectl describe --namespace tenant-a <kind> <name>",
	} {
		require.Contains(t, condition.Message, says)
	}

	require.Zero(t, w.again[key], "from here on only events count")
	require.Empty(t, w.settle())

	w.free(db)
	w.settle()
	require.True(t, w.isGone("tenant-root", "a"))
}

func TestManyRemaindersAreNamedInPart(t *testing.T) {
	var left []remainder
	for _, name := range strings.Fields("a b c d e f g") {
		left = append(left, remainder{kind: "Postgres", name: name})
	}

	require.Equal(t, "Postgres a, Postgres b, Postgres c, Postgres d, Postgres e and 2 more", nameSome(left))

	left[0].says = strings.Repeat("ä", 2000)
	require.Less(t, len(nameSome(left)), 1200)
}

// A namespace that was marked and whose tenant was made anew is open again.
func TestTheMarkOfDeletionGoesWithIt(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()

	marked := w.namespace("tenant-a")
	marked.Labels["cozystack.io/deleting"] = "true"
	require.NoError(t, w.client.Update(t.Context(), marked))
	w.settle()
	require.NotContains(t, w.namespace("tenant-a").Labels, "cozystack.io/deleting")
}

func TestEveryStepHasABoundAndSaysWhatToDo(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot())
	stages := append(w.reconciler().stages(made("tenant-root", "a", v1alpha1.TenantSpec{}), plainNamespace("tenant-a", nil)), lettingGo())

	var reasons []string

	for _, one := range stages {
		reasons = append(reasons, one.reason)
		require.NotEmpty(t, one.advice, one.reason)
		require.Equal(t, one.reason != ReasonNotConfirmed, one.bound > 0, one.reason)
	}

	require.Equal(t, []string{
		"ClosingNamespace", "NotConfirmed", "DeletingTenants", "DeletingApplications", "DeletingServices", "DeletingReleases",
		"DeletingNamespace", "LettingGo",
	}, reasons)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(reasons))), len(reasons))
}
