// SPDX-License-Identifier: Apache-2.0

package application

import (
	"encoding/json"

	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// settle lets all reconcilers run until none writes any more, and returns what was written. What is published is established
// at once.
func (l *lab) settle() []string {
	l.t.Helper()

	l.writes = nil

	for range 20 {
		before := len(l.writes)
		l.pass()

		if len(l.writes) == before {
			return l.writes
		}
	}

	l.t.Fatalf("still writing after 20 passes: %v", l.writes[len(l.writes)-5:])

	return nil
}

func (l *lab) pass() {
	l.t.Helper()

	for _, name := range []string{"depot", "etcd"} {
		l.publish(name)
	}

	for _, one := range l.kinds.all() {
		list := one.list()
		require.NoError(l.t, l.client.List(l.t.Context(), list))

		for i := range list.Items {
			l.reconcile(one.name, list.Items[i].GetNamespace(), list.Items[i].GetName())
		}
	}

	_, err := (&credentials{l.world}).Reconcile(l.t.Context(), named("tenant-alpha"))
	require.NoError(l.t, err)

	_, err = (&levels{l.world}).Reconcile(l.t.Context(), reconcile.Request{})
	require.NoError(l.t, err)
}

func (l *lab) publish(name string) {
	l.t.Helper()
	require.NoError(l.t, l.publishOnce(name))
	l.establish()
}

func (l *lab) publishOnce(name string) error {
	_, err := (&publisher{world: l.world, charts: l.charts}).Reconcile(l.t.Context(), named(name))

	return err
}

// establish does what the API server would do about new kinds.
func (l *lab) establish() {
	l.t.Helper()

	var crds apiextensionsv1.CustomResourceDefinitionList
	require.NoError(l.t, l.client.List(l.t.Context(), &crds, client.MatchingLabels(managedLabels())))

	for i := range crds.Items {
		if !isServed(&crds.Items[i]) {
			crds.Items[i].Status = flux().Status
			writes := l.writes
			require.NoError(l.t, l.client.Status().Update(l.t.Context(), &crds.Items[i]))
			l.writes = writes
		}
	}
}

func (l *lab) reconcile(kind, namespace, name string) reconcile.Result {
	l.t.Helper()

	result, err := (&reconciler{l.world}).Reconcile(l.t.Context(), request{kind: kind, key: client.ObjectKey{Namespace: namespace, Name: name}})
	require.NoError(l.t, err)

	return result
}

// get is nil where there is no such object.
func (l *lab) get(gvk schema.GroupVersionKind, namespace, name string) *unstructured.Unstructured {
	l.t.Helper()

	found := watch.Object(gvk)
	err := l.client.Get(l.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found)
	require.NoError(l.t, client.IgnoreNotFound(err))

	if err != nil {
		return nil
	}

	return found
}

func (l *lab) depot(name string) *unstructured.Unstructured {
	l.t.Helper()

	return l.get(depotKind, "tenant-alpha", name)
}

func (l *lab) releaseOf(name string) *unstructured.Unstructured {
	l.t.Helper()

	return l.get(releaseKind(), "tenant-alpha", name)
}

// change edits an object as somebody else would, and its generation as a server would.
func (l *lab) change(object *unstructured.Unstructured, edit func(map[string]any)) {
	l.t.Helper()
	edit(object.Object)
	object.SetGeneration(object.GetGeneration() + 1)
	require.NoError(l.t, l.client.Update(l.t.Context(), object))
}

// ready is what an application says of itself.
func (l *lab) ready(object *unstructured.Unstructured) (reason, message string) {
	l.t.Helper()

	found := meta.FindStatusCondition(statusOf(object).Conditions, application.ConditionReady)
	require.NotNil(l.t, found, "%v", object.Object["status"])

	return found.Reason, found.Message
}

func (l *lab) published() metav1.Condition {
	l.t.Helper()

	var found definition.ApplicationDefinition
	require.NoError(l.t, l.client.Get(l.t.Context(), client.ObjectKey{Name: "depot"}, &found))

	condition := meta.FindStatusCondition(found.Status.Conditions, definition.ConditionPublished)
	require.NotNil(l.t, condition)

	return *condition
}

// say is what Flux would write into a HelmRelease.
func (l *lab) say(release *unstructured.Unstructured, status, message string) {
	l.t.Helper()

	version, _, _ := unstructured.NestedString(release.Object, "spec", "chart", "spec", "version")
	text, err := json.Marshal(map[string]any{
		"observedGeneration": release.GetGeneration(), "lastAttemptedRevision": version,
		"history":    []any{map[string]any{"chartVersion": version, "status": "deployed"}},
		"conditions": []any{map[string]any{"type": "Ready", "status": status, "reason": "R", "message": message, "observedGeneration": release.GetGeneration()}},
	})
	require.NoError(l.t, err)

	var content map[string]any
	require.NoError(l.t, json.Unmarshal(text, &content))

	release.Object["status"] = content
	require.NoError(l.t, l.client.Update(l.t.Context(), release))
}
