// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// as is a client of a user who is in the given groups only.
func (w *world) as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()

	config := rest.CopyConfig(w.plane.RESTConfig())
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}

	made, err := client.New(config, client.Options{Scheme: w.client.Scheme()})
	require.NoError(t, err)

	return made
}

func unmade(namespace, name string, spec v1alpha1.TenantSpec) *v1alpha1.Tenant {
	return &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
}

func (w *world) limitsHoldAtTheDoor(t *testing.T) {
	tries := func(by client.Client, namespace string, spec v1alpha1.TenantSpec) error {
		return by.Create(t.Context(), unmade(namespace, "young", spec), client.DryRunAll)
	}

	w.create(t, "tenant-root", "pool", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "4", "pods", "100")})
	w.create(t, "tenant-root", "shop", v1alpha1.TenantSpec{Host: "shop.example.com"})
	w.awaitReady(t, "tenant-root", "pool")
	w.awaitReady(t, "tenant-root", "shop")
	// The list of hosts comes a moment later, and so do limits to the API server.
	w.await(t, func() bool {
		return tries(w.client, "tenant-root", v1alpha1.TenantSpec{Host: "shop.example.com"}) != nil
	},
		func() string { return "a host that is taken is let in" })
	w.await(t, func() bool { return tries(w.client, "tenant-pool", v1alpha1.TenantSpec{}) != nil },
		func() string { return "a tenant without a bound is let in below a bounded one" })

	for _, c := range []struct {
		namespace string
		spec      v1alpha1.TenantSpec
		says      string // empty: it is let in
	}{
		{"tenant-root", v1alpha1.TenantSpec{Host: "shop.example.com"}, `spec.host: "shop.example.com": this host is taken`},
		{"tenant-root", v1alpha1.TenantSpec{Host: "x.alpha.example.org"}, `spec.host: "x.alpha.example.org": this host lies below the host of a tenant`},
		{"tenant-alpha", v1alpha1.TenantSpec{Host: "x.alpha.example.org"}, ""},
		{"tenant-alpha", v1alpha1.TenantSpec{Host: "grafana.alpha.example.org"}, "is reserved for the platform"},
		{"tenant-alpha", v1alpha1.TenantSpec{Host: "kubernetes-prod.alpha.example.org"}, `"kubernetes-prod.alpha.example.org": kubernetes-prod below the host of a tenant is kept`},
		{"tenant-alpha", v1alpha1.TenantSpec{Host: "kubernetes-prod.example.net"}, ""},
		{"tenant-alpha", v1alpha1.TenantSpec{Host: "example.com"}, `"example.com": another tenant holds a host below this one`},
		{"tenant-pool", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "4", "pods", "9")}, ""},
		{"tenant-pool", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "4100m", "pods", "9")}, `spec.resourceQuotas.cpu: "4100m": 4 is left`},
		{"tenant-pool", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "1")}, `spec.resourceQuotas.pods: "": the tenant above bounds pods`},
	} {
		err := tries(w.client, c.namespace, c.spec)
		if c.says == "" {
			require.NoError(t, err, "%s: %+v", c.namespace, c.spec)
		} else {
			require.ErrorContains(t, err, c.says)
			require.True(t, apierrors.IsInvalid(err), "%v", err)
		}
	}

	w.boundsOfAnAcceptedTenant(t)
	w.settingAHostTakesAPermission(t, tries)

	for _, name := range []string{"pool", "shop"} {
		w.delete(t, "tenant-root", name)
		w.awaitGone(t, unmade("tenant-root", name, v1alpha1.TenantSpec{}))
	}
}

func (w *world) boundsOfAnAcceptedTenant(t *testing.T) {
	t.Helper()
	w.create(t, "tenant-pool", "part", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "3", "pods", "50")})
	w.awaitReady(t, "tenant-pool", "part")
	w.await(t, func() bool {
		given := w.get(t, "tenant-root", "pool").Status.Quota.Given["cpu"]

		return given.String() == "3"
	}, func() string { return "the parent does not count what it gave" })

	tries := func(namespace, name, cpu string) error {
		one := w.get(t, namespace, name)
		one.Spec.ResourceQuotas = bounded("cpu", cpu, "pods", "50")

		return w.client.Update(t.Context(), one, client.DryRunAll)
	}

	require.NoError(t, tries("tenant-root", "pool", "3"))
	require.ErrorContains(t, tries("tenant-root", "pool", "2"), `spec.resourceQuotas.cpu: "2": 3 is given to the tenants below`)
	w.await(t, func() bool { return tries("tenant-pool", "part", "5") != nil }, func() string { return "more than there is is let in" })
	require.ErrorContains(t, tries("tenant-pool", "part", "5"), "1 is left of what the tenant above may use, beside the 3 that it has")
	require.NoError(t, tries("tenant-pool", "part", "4"))
	w.boundsOfARefusedTenant(t)
	w.delete(t, "tenant-pool", "part")
	w.awaitGone(t, unmade("tenant-pool", "part", v1alpha1.TenantSpec{}))
}

// boundsOfARefusedTenant has the tenant refused for a host that the door can't judge, and the tree looked at once more.
func (w *world) boundsOfARefusedTenant(t *testing.T) {
	t.Helper()
	w.change(t, "tenant-pool", "part", func(spec *v1alpha1.TenantSpec) { spec.Host = "example.com" })
	w.awaitReason(t, "tenant-pool", "part", v1alpha1.ConditionAccepted, "HostTaken")
	w.create(t, "tenant-pool", "rest", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "500m", "pods", "1")})
	w.awaitReady(t, "tenant-pool", "rest")
	w.await(t, func() bool {
		given := w.get(t, "tenant-root", "pool").Status.Quota.Given["cpu"]

		return given.String() == "3500m"
	}, func() string { return "the parent does not count what a refused tenant has" })

	held := w.get(t, "tenant-pool", "part").Status.Quota.Bounds["cpu"]
	require.Equal(t, "3", held.String())

	w.change(t, "tenant-pool", "part", func(spec *v1alpha1.TenantSpec) { spec.Host = "" })
	w.awaitReady(t, "tenant-pool", "part")
	w.delete(t, "tenant-pool", "rest")
	w.awaitGone(t, unmade("tenant-pool", "rest", v1alpha1.TenantSpec{}))
}

func (w *world) settingAHostTakesAPermission(t *testing.T, tries func(client.Client, string, v1alpha1.TenantSpec) error) {
	t.Helper()
	require.NoError(t, tries(w.as(t, "boss", "tenant-alpha-super-admin"), "tenant-alpha", v1alpha1.TenantSpec{Host: "free.example.com"}))

	admin, err := client.New(w.plane.RESTConfig(), client.Options{})
	require.NoError(t, err)

	name := metav1.ObjectMeta{Namespace: "tenant-alpha", Name: "makers"}
	role := &rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{v1alpha1.TenantPlural}, Verbs: []string{"create", "update", "get"},
	}}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "makers"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "maker"}},
	}
	require.NoError(t, admin.Create(t.Context(), role))
	require.NoError(t, admin.Create(t.Context(), binding))

	maker := w.as(t, "maker")
	w.await(t, func() bool { return tries(maker, "tenant-alpha", v1alpha1.TenantSpec{}) == nil }, func() string { return "maker makes nothing" })

	err = tries(maker, "tenant-alpha", v1alpha1.TenantSpec{Host: "free.example.com"})
	require.ErrorContains(t, err, `spec.host: "free.example.com": setting or changing it takes the permission "sethost"`)
	require.True(t, apierrors.IsForbidden(err), "%v", err)

	beta := w.get(t, "tenant-alpha", "beta")
	beta.Spec.Host = "free.example.com"
	require.ErrorContains(t, maker.Update(t.Context(), beta), `"sethost"`)
	require.NoError(t, admin.Delete(t.Context(), binding))
	require.NoError(t, admin.Delete(t.Context(), role))
}
