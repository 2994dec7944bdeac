// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// shelf is what a release made for depot one, in a phase; empty: its operator has not seen it.
func shelf(name, phase string) *unstructured.Unstructured {
	object := watch.Object(shelfKind)
	object.SetNamespace("tenant-alpha")
	object.SetName(name)
	object.SetLabels(map[string]string{
		application.LabelGroup: "apps.cozystack.io", application.LabelKind: "Depot", application.LabelName: "one",
	})

	if phase != "" {
		object.Object["status"] = map[string]any{
			"phase": phase, "conditions": []any{map[string]any{"type": "Ready", "status": "False", "message": "no room"}},
		}
	}

	return object
}

func judged(s *definition.ApplicationDefinitionSpec) {
	s.Release.HealthCheckExprs = []definition.HealthCheckExpr{{
		APIVersion: "lab.example.org/v1", Kind: "Shelf", Current: "status.phase == 'Ready'", Failed: "status.phase == 'Broken'",
	}}
}

func TestApplicationIsAsHealthyAsWhatItsReleaseMade(t *testing.T) {
	others := shelf("other", "Broken")
	others.SetLabels(map[string]string{application.LabelGroup: "apps.cozystack.io", application.LabelKind: "Depot", application.LabelName: "two"})

	silent := shelf("a", "Filling")
	silent.Object["status"] = map[string]any{"since": "today"}

	for _, c := range []struct {
		name            string
		shelves         []client.Object
		reason, message string
	}{
		{"nothing to judge", nil, "Ready", ""},
		{"all are ready", []client.Object{shelf("a", "Ready"), shelf("b", "Ready")}, "Ready", ""},
		{"one has failed", []client.Object{shelf("a", "Broken"), shelf("b", "Ready")}, "Unhealthy", "Shelf a has failed: no room"},
		{"one is not ready", []client.Object{shelf("a", "Filling")}, "Unhealthy", "Shelf a is not ready yet: no room"},
		{"one says too little", []client.Object{silent}, "Unhealthy", "Shelf a can't be judged yet"},
		{"one is new", []client.Object{shelf("a", "")}, "Unhealthy", "Shelf a has no status yet: its operator has not seen it"},
	} {
		l := newLab(t, append(c.shelves, flux(), depots(judged), depotNamed("one", nil), others)...)
		l.settle()
		l.say(l.releaseOf("depot-one"), "True", "")
		l.settle()

		reason, message := l.ready(l.depot("one"))
		require.Equal(t, c.reason, reason, c.name)
		require.Contains(t, message, c.message, c.name)
	}
}

// lists notes what is listed past the caches.
type lists struct {
	client.Reader

	of []string
}

func (l *lists) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	l.of = append(l.of, list.GetObjectKind().GroupVersionKind().Kind)

	return l.Reader.List(ctx, list, options...)
}

func TestWhatIsJudgedIsAskedForPastTheCacheBeforeReadyAlone(t *testing.T) {
	l := newLab(t, flux(), depots(judged), depotNamed("one", nil))
	l.settle()
	l.say(l.releaseOf("depot-one"), "True", "")

	live := &lists{Reader: l.live}
	l.live = live
	l.reconcile("Depot", "tenant-alpha", "one")
	require.Equal(t, []string{"ShelfList"}, live.of)

	reason, _ := l.ready(l.depot("one"))
	require.Equal(t, "Ready", reason)

	live.of = nil
	l.reconcile("Depot", "tenant-alpha", "one")
	require.Empty(t, live.of)
}

func TestHealthThatCanNotBeSeenIsNotGuessed(t *testing.T) {
	l := newLab(t, flux(), depots(judged), depotNamed("one", nil))
	l.settle()
	l.say(l.releaseOf("depot-one"), "True", "")
	l.informers[shelfKind].isEmpty = true
	l.change(l.depot("one"), func(map[string]any) {})
	l.settle()

	reason, _ := l.ready(l.depot("one"))
	require.Equal(t, application.ReasonNotJudged, reason)
	require.Equal(t, fillInterval, l.reconcile("Depot", "tenant-alpha", "one").RequeueAfter)
}

func TestWhatWasSaidHoldsWhileTheCacheFills(t *testing.T) {
	l := newLab(t, flux(), depots(judged), depotNamed("one", nil), shelf("a", "Ready"))
	l.settle()
	l.say(l.releaseOf("depot-one"), "True", "")
	l.settle()

	l.informers[shelfKind].isEmpty = true
	require.Empty(t, l.settle())
	require.Equal(t, fillInterval, l.reconcile("Depot", "tenant-alpha", "one").RequeueAfter)

	reason, _ := l.ready(l.depot("one"))
	require.Equal(t, "Ready", reason)
}

func TestWhatBelongsToAnApplicationWakesIt(t *testing.T) {
	l := newLab(t)
	wanted := request{kind: "Depot", key: client.ObjectKey{Namespace: "tenant-alpha", Name: "one"}}

	l.belongingChanged(nil, shelf("a", "Ready"))
	require.Equal(t, []request{wanted}, asked(t, l.applications))

	wide := watch.Object(schema.GroupVersionKind{Group: "lab.example.org", Version: "v1", Kind: "Hall"})
	labels := shelf("a", "").GetLabels()
	labels[LabelNamespace] = "tenant-alpha"
	wide.SetLabels(labels)

	l.belongingChanged(wide, nil)
	require.Equal(t, []request{wanted}, asked(t, l.applications), "what has no namespace says whose it is")
}

func TestCredentialsAreReadByLevelUseAndNoOthers(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil), depotNamed("two", nil))
	l.settle()

	var role rbacv1.Role

	key := client.ObjectKey{Namespace: "tenant-alpha", Name: CredentialsRole}
	require.NoError(t, l.client.Get(t.Context(), key, &role))
	require.Equal(t, []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"},
		ResourceNames: []string{"depot-one-password", "depot-two-password"},
	}}, role.Rules)

	var binding rbacv1.RoleBinding
	require.NoError(t, l.client.Get(t.Context(), key, &binding))

	var groups []string

	for _, subject := range binding.Subjects {
		if subject.Kind == rbacv1.GroupKind {
			groups = append(groups, subject.Name)
		}
	}

	require.Equal(t, []string{
		"tenant-alpha-use", "tenant-root-use", "tenant-alpha-admin", "tenant-root-admin", "tenant-alpha-super-admin", "tenant-root-super-admin",
	}, groups)

	l.delete(l.depot("one"))
	l.settle()
	require.NoError(t, l.client.Get(t.Context(), key, &role))
	require.Equal(t, []string{"depot-two-password"}, role.Rules[0].ResourceNames)

	l.informers[depotKind].isEmpty = true
	l.settle()
	require.NoError(t, l.client.Get(t.Context(), key, &role), "what is not seen yet is not taken away")
	l.informers[depotKind].isEmpty = false

	l.delete(l.depot("two"))
	l.settle()
	require.Error(t, l.client.Get(t.Context(), key, &role))
	require.Error(t, l.client.Get(t.Context(), key, &binding))
}
