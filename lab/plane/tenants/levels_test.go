// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/application"
)

// What a kind becomes needs no Flux, and who may order it neither. The parts build on each other and share one plane.
func TestLevels(t *testing.T) {
	w := newWorld(t)
	w.startController(t)

	for _, chart := range []string{"cozy-controller", "tenant-api", "tenant-roles", "tenant-admission"} {
		w.install(t, chart)
	}

	w.createKind(t, schema.GroupVersionKind{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"}, "helmreleases")
	w.rootIsAdopted(t)
	w.create(t, "tenant-root", "alpha", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "alpha")

	ok := t.Run("a kind of somebody else is published", func(t *testing.T) { w.kindIsPublished(t, "1.2.3") }) &&
		t.Run("levels get their rights on it", w.levelsGetTheKind) &&
		t.Run("the controller gives levels nothing else", w.controllerGivesNoMore) &&
		t.Run("the platform's own kinds are published", w.shippedKindsArePublished) &&
		t.Run("applications and services do not leave releases behind", w.applicationsAreNotAbandoned) &&
		t.Run("levels hold in tenants below and nowhere else", w.levelsReachDown) &&
		t.Run("rights on a kind stay with its last object, and go with it", w.levelsLoseTheKind)
	require.True(t, ok, "the parts after the failed one were not run")

	w.stopController(t)
}

// shippedKindsArePublished makes known the kinds that operators bring elsewhere, which may hold anything here: without them the
// platform's own definitions publish nothing.
func (w *world) shippedKindsArePublished(t *testing.T) {
	w.install(t, "tenant-applications")

	var definitions definition.ApplicationDefinitionList
	require.NoError(t, w.client.List(t.Context(), &definitions))

	brought := map[string]schema.GroupVersionKind{}

	for _, one := range definitions.Items {
		for _, name := range one.Spec.Requires {
			plural, group, _ := strings.Cut(name, ".")
			if _, isThere := brought[name]; !isThere && one.Name != "depot" {
				brought[name] = schema.GroupVersionKind{Group: group, Version: "v1", Kind: strings.ToUpper(plural[:1]) + plural[1:]}
			}
		}
	}

	for _, one := range definitions.Items {
		for _, judged := range one.Spec.Release.HealthCheckExprs {
			kind := schema.FromAPIVersionAndKind(judged.APIVersion, judged.Kind)
			resource, _ := meta.UnsafeGuessKindToResource(kind)

			if name := resource.GroupResource().String(); brought[name].Kind != "" {
				brought[name] = kind
			}
		}
	}

	for name, kind := range brought {
		plural, _, _ := strings.Cut(name, ".")
		w.createKind(t, kind, plural)
	}

	for _, one := range definitions.Items {
		w.awaitPublished(t, one.Name, "Published")

		// The levels are sums that a controller of Kubernetes makes.
		changes := "tenant-root-admin"
		if one.Spec.Service != "" {
			changes = "tenant-root-super-admin"
		}

		for group, verb := range map[string]string{"tenant-root-view": "list", changes: "patch"} {
			w.await(t, func() bool { return w.may(t, group, onKind(verb, one.Spec.Application.Plural)) },
				func() string { return group + " may not " + verb + " " + one.Spec.Application.Plural })
		}
	}
}

func onKind(verb, plural string) authorizationv1.ResourceAttributes {
	return authorizationv1.ResourceAttributes{Namespace: "tenant-alpha", Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: plural}
}

// levelsGetTheKind: nobody but the controller says who may do what with a kind that was published a moment ago.
func (w *world) levelsGetTheKind(t *testing.T) {
	ordered := func() *unstructured.Unstructured {
		object := depotWith(map[string]any{"size": int64(2)})
		object.SetName("ordered")

		return object
	}

	boss := w.as(t, "boss", "tenant-alpha-admin")
	w.await(t, func() bool { return boss.Create(t.Context(), ordered(), client.DryRunAll) == nil },
		func() string { return "the admin of a tenant can't order what was published" })
	require.NoError(t, w.as(t, "boss", "tenant-root-super-admin").Create(t.Context(), ordered(), client.DryRunAll), "a level holds below")
	require.NoError(t, boss.Create(t.Context(), ordered()))

	for _, level := range []tenant.Level{tenant.View, tenant.Use} {
		reader := w.as(t, "reader", tenant.Group("tenant-alpha", level))
		found := ordered()
		require.NoError(t, reader.Get(t.Context(), client.ObjectKeyFromObject(found), found), level)

		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(found.GroupVersionKind())
		require.NoError(t, reader.List(t.Context(), list, client.InNamespace("tenant-alpha")), level)
		require.NotEmpty(t, list.Items, level)

		other := ordered()
		other.SetName("other")
		requireForbidden(t, reader.Create(t.Context(), other), "%s orders", level)
		requireForbidden(t, reader.Patch(t.Context(), found.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"size": 3}}`))), "%s changes", level)
		requireForbidden(t, reader.Delete(t.Context(), ordered()), "%s deletes", level)
	}

	// A name that is given by the definition gives nothing else: the rest of the group stays whose it is.
	require.False(t, w.may(t, "tenant-alpha-admin", onKind("create", "tenants")))

	require.NoError(t, boss.Delete(t.Context(), ordered()))
	w.awaitFor(t, 2*patience, func() bool { return w.depotNamed(t, "ordered") == nil }, func() string { return "what its admin deleted stays" })
}

// controllerGivesNoMore: the controller may write the roles of three names, and nothing in them that it does not have.
func (w *world) controllerGivesNoMore(t *testing.T) {
	controller := w.as(t, "system:serviceaccount:"+systemNamespace+":cozy-controller", "system:serviceaccounts")

	var role rbacv1.ClusterRole
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: application.LevelRole(tenant.View)}, &role))

	gives := func(name string, rule rbacv1.PolicyRule) error {
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": name},
			"rules": []any{map[string]any{
				"apiGroups": []any{rule.APIGroups[0]}, "resources": []any{rule.Resources[0]}, "verbs": []any{rule.Verbs[0]},
			}},
		}}

		return controller.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object),
			client.FieldOwner("test"), client.ForceOwnership, client.DryRunAll)
	}
	reads := func(group, resource string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"get"}}
	}

	require.NoError(t, gives(role.Name, reads(v1alpha1.GroupVersion.Group, "depots")))

	for _, c := range []struct {
		name string
		rule rbacv1.PolicyRule
	}{
		{role.Name, reads("", "secrets")},
		{role.Name, reads("*", "*")},
		{"tenant-view-more", reads(v1alpha1.GroupVersion.Group, "depots")},
		{"cluster-admin", reads(v1alpha1.GroupVersion.Group, "depots")},
		{tenant.Account(tenant.View), reads(v1alpha1.GroupVersion.Group, "depots")},
	} {
		require.True(t, apierrors.IsForbidden(gives(c.name, c.rule)), "%s: %v", c.name, c.rule)
	}

	requireForbidden(t, controller.Delete(t.Context(), role.DeepCopy(), client.DryRunAll), "the controller deletes a role")
}

// levelsLoseTheKind: what nobody can order any more nobody has a right on, once nobody has an object of it.
func (w *world) levelsLoseTheKind(t *testing.T) {
	boss := w.as(t, "boss", "tenant-alpha-admin")
	require.NoError(t, boss.Create(t.Context(), depotWith(map[string]any{})))

	kind := w.find(t, "cozystack.io/v1alpha1", "ApplicationDefinition", "", "depot")
	require.NoError(t, w.client.Delete(t.Context(), kind))
	w.awaitGone(t, kind)
	w.stopController(t)
	w.startController(t)
	require.NoError(t, boss.Get(t.Context(), client.ObjectKey{Namespace: "tenant-alpha", Name: "one"}, depotWith(nil)))
	require.NoError(t, boss.Delete(t.Context(), depotWith(nil)), "a definition that is gone leaves tenants what they have")

	for group, verb := range map[string]string{"tenant-alpha-view": "list", "tenant-alpha-super-admin": "create"} {
		w.await(t, func() bool { return !w.may(t, group, onKind(verb, "depots")) },
			func() string { return group + " has rights on a kind that is gone" })
	}

	for _, level := range tenant.Levels() {
		var role rbacv1.ClusterRole
		require.NoError(t, client.IgnoreNotFound(w.client.Get(t.Context(), client.ObjectKey{Name: application.LevelRole(level)}, &role)))
		require.NotContains(t, fmt.Sprint(role.Rules), "depots")
	}
}
