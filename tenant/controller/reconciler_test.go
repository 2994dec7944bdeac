// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func TestRootAndItsNamespaceAreAdopted(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", map[string]string{"made-by": "up"}), madeRoot())
	w.settle()

	require.Equal(t, map[string]string{
		"made-by": "up", "app.kubernetes.io/managed-by": "cozy-controller",
		"cozystack.io/tenant-namespace": "tenant-root", "cozystack.io/tenant-name": "root",
		"tenant.cozystack.io/tenant-root": "",
	}, drop(w.namespace("tenant-root").Labels, "kubernetes.io/metadata.name"))

	root := w.tenant("tenant-root", "root")
	require.Equal(t, []string{"cozystack.io/tenant"}, root.Finalizers)
	require.Equal(t, "tenant-root", root.Status.Namespace)
	require.Equal(t, "example.org", root.Status.Host)
	require.Empty(t, root.Status.Parent)
	require.Zero(t, *root.Status.Level)
	require.Equal(t, "none", root.Status.Services.Etcd.Source)

	w.requireReason("tenant-root", "root", "Accepted", metav1.ConditionTrue, "Accepted")
	w.requireReason("tenant-root", "root", "NamespaceReady", metav1.ConditionTrue, "NamespaceReady")
	w.requireReason("tenant-root", "root", "PoliciesReady", metav1.ConditionFalse, "SiteUnknown")
	w.requireReason("tenant-root", "root", "Ready", metav1.ConditionTrue, "Ready")
	require.EqualValues(t, 1, w.condition("tenant-root", "root", "Ready").ObservedGeneration)
}

func TestTenantsGetNamespacesWithLabels(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "foo", v1alpha1.TenantSpec{Ingress: true}), made("tenant-foo", "bar", v1alpha1.TenantSpec{}))
	w.settle()

	require.Equal(t, map[string]string{
		"app.kubernetes.io/managed-by":  "cozy-controller",
		"cozystack.io/tenant-namespace": "tenant-foo", "cozystack.io/tenant-name": "bar",
		"tenant.cozystack.io/tenant-root": "", "tenant.cozystack.io/tenant-foo": "", "tenant.cozystack.io/tenant-foo-bar": "",
		"namespace.cozystack.io/ingress": "tenant-foo",
	}, w.namespace("tenant-foo-bar").Labels)

	bar := w.tenant("tenant-foo", "bar").Status
	require.Equal(t, []any{"tenant-foo-bar", "bar.foo.example.org", "tenant-foo", int32(2)},
		[]any{bar.Namespace, bar.Host, bar.Parent, *bar.Level})
	require.Equal(t, v1alpha1.TenantService{Source: "inherited", Namespace: "tenant-foo"}, bar.Services.Ingress)
	require.Equal(t, v1alpha1.TenantService{
		Source: "own", Namespace: "tenant-foo", Dependents: &v1alpha1.Dependents{Count: 1, First: []string{"tenant-foo-bar"}},
	}, w.tenant("tenant-root", "foo").Status.Services.Ingress)
}

func TestNothingIsWrittenTwice(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "foo", v1alpha1.TenantSpec{}),
		made("tenant-foo", "bar", v1alpha1.TenantSpec{Etcd: true}), made("tenant-root", "nohost", v1alpha1.TenantSpec{Host: "org"}))

	require.Equal(t, []string{
		"patch tenant-foo/bar", "create /tenant-foo-bar", "apply /tenant-services-cluster:tenant-foo-bar", "status tenant-foo/bar",
		"patch tenant-root/foo", "create /tenant-foo", "status tenant-root/foo",
		"status tenant-root/nohost",
		"patch tenant-root/root", "patch /tenant-root", "status tenant-root/root",
		"patch /tenant-foo-bar", "patch /tenant-foo", // they are not fresh any more
	}, ofTenants(w.settle()))
	require.Empty(t, w.settle())

	w.tree = &tree{} // as after a restart
	require.Empty(t, w.settle())
}

func TestChangeAtTheRootReachesEverybodyInOnePass(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		made("tenant-a", "b", v1alpha1.TenantSpec{}), made("tenant-a-b", "c", v1alpha1.TenantSpec{}))
	w.settle()
	w.change("tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Host, spec.Etcd = "example.net", true })
	w.pass()

	for _, key := range [][2]string{{"tenant-root", "a"}, {"tenant-a", "b"}, {"tenant-a-b", "c"}} {
		require.Equal(t, "tenant-root", w.tenant(key[0], key[1]).Status.Services.Etcd.Namespace, key)
	}

	require.Equal(t, "c.b.a.example.net", w.tenant("tenant-a-b", "c").Status.Host)
	require.Equal(t, "tenant-root", w.namespace("tenant-a-b-c").Labels["namespace.cozystack.io/etcd"])

	w.change("tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.pass()
	require.NotContains(t, w.namespace("tenant-a-b-c").Labels, "namespace.cozystack.io/etcd")
}

func TestLabelsThatPoliciesTrustAreKept(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()

	forged := w.namespace("tenant-a")
	forged.Labels["tenant.cozystack.io/tenant-victim"] = ""
	forged.Labels["namespace.cozystack.io/etcd"] = "tenant-victim"
	forged.Labels["etcd.cozystack.io/tenant-victim"] = ""
	forged.Labels["team"] = "x"
	delete(forged.Labels, "tenant.cozystack.io/tenant-root")
	require.NoError(t, w.client.Update(t.Context(), forged))
	w.settle()

	require.Equal(t, map[string]string{
		"app.kubernetes.io/managed-by":  "cozy-controller",
		"cozystack.io/tenant-namespace": "tenant-root", "cozystack.io/tenant-name": "a",
		"tenant.cozystack.io/tenant-root": "", "tenant.cozystack.io/tenant-a": "", "team": "x",
	}, w.namespace("tenant-a").Labels)
}

func TestForeignNamespaceIsNotTakenOver(t *testing.T) {
	foreign := map[string]map[string]string{
		"unmarked":         {"team": "x"},
		"another tenant's": {LabelTenantNamespace: "tenant-root", LabelTenantName: "b"},
	}

	for name, labels := range foreign {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), plainNamespace("tenant-a", labels),
				made("tenant-root", "a", v1alpha1.TenantSpec{}))
			w.settle()

			require.Equal(t, labels, w.namespace("tenant-a").Labels)
			w.requireReason("tenant-root", "a", "NamespaceReady", metav1.ConditionFalse, "NamespaceForeign")
			w.requireReason("tenant-root", "a", "Ready", metav1.ConditionFalse, "NamespaceForeign")
			require.Contains(t, w.condition("tenant-root", "a", "Ready").Message, "tenant-a")

			w.delete("tenant-root", "a")
			w.settle()
			require.True(t, w.isGone("tenant-root", "a"))
			require.Equal(t, labels, w.namespace("tenant-a").Labels, "a tenant that goes leaves alone what is not its own")
		})
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	for name, tc := range map[string]struct {
		spec   v1alpha1.TenantSpec
		reason string
		says   string
	}{
		"a service":        {v1alpha1.TenantSpec{Host: "a.org", Etcd: true}, "KindNotPublished", "etcd can't run, as kind Etcd is not there"},
		"services":         {v1alpha1.TenantSpec{Host: "a.org", Ingress: true, SeaweedFS: true}, "KindNotPublished", "kind SeaweedFS is not there"},
		"no host anywhere": {v1alpha1.TenantSpec{}, "HostMissing", "spec.host"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plainNamespace("tenant-root", nil), made("tenant-root", "root", tc.spec))
			w.settle()

			w.requireReason("tenant-root", "root", "Accepted", metav1.ConditionTrue, "Accepted")
			w.requireReason("tenant-root", "root", "NamespaceReady", metav1.ConditionTrue, "NamespaceReady")
			w.requireReason("tenant-root", "root", "Ready", metav1.ConditionFalse, tc.reason)
			require.Contains(t, w.condition("tenant-root", "root", "Ready").Message, tc.says)
			require.False(t, w.tenant("tenant-root", "root").Status.Services.Etcd.Ready)
		})
	}
}

// An answer that was found for an older spec must not be reported as one for the newer.
func TestTenantThatChangedSinceThePassIsLeftToTheNextPass(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.settle()
	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.Host = "a.net" })

	w.writes = nil
	require.NoError(t, w.reconcile(client.ObjectKey{Namespace: "tenant-root", Name: "a"}))
	require.Empty(t, w.writes)

	w.settle()
	require.Equal(t, "a.net", w.tenant("tenant-root", "a").Status.Host)
	require.EqualValues(t, 2, w.tenant("tenant-root", "a").Status.ObservedGeneration)
}

func TestErrorsOfTheServerAreReturnedForAnotherTry(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	broken := errors.New("the server is out for lunch")
	w.pass()
	w.fails = func(verb string, _ client.Object) error {
		if verb == "create" {
			return broken
		}

		return nil
	}

	require.NoError(t, w.client.Delete(t.Context(), w.namespace("tenant-a")))

	err := w.reconcile(client.ObjectKey{Namespace: "tenant-root", Name: "a"})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "reconcile tenant tenant-root/a: create namespace tenant-a: ")

	w.fails = nil
	w.settle()
	require.NotNil(t, w.namespace("tenant-a"), "a namespace that somebody deleted is made again")
}

func drop(labels map[string]string, key string) map[string]string {
	delete(labels, key)

	return labels
}

// ofTenants leaves out what is applied inside the tenants' namespaces.
func ofTenants(writes []string) []string {
	return slices.DeleteFunc(writes, func(write string) bool {
		return strings.HasPrefix(write, "apply ") && !strings.HasPrefix(write, "apply /")
	})
}
