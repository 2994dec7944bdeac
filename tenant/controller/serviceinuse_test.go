// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// uses makes an application that says it uses the etcd of tenant-foo.
func (w *world) uses(namespace string) *unstructured.Unstructured {
	w.t.Helper()

	user := watch.Object(serviceKind(tenant.SeaweedFS))
	user.SetNamespace(namespace)
	user.SetName("x")
	require.NoError(w.t, unstructured.SetNestedStringMap(user.Object, map[string]string{"etcd": "tenant-foo"}, "status", "services"))
	require.NoError(w.t, w.client.Create(w.t.Context(), user))

	return user
}

func TestAServiceThatIsUsedStaysUnlessForced(t *testing.T) {
	for name, ends := range map[string]func(*world, *unstructured.Unstructured){
		"its user goes": func(w *world, user *unstructured.Unstructured) {
			require.NoError(t, w.client.Delete(t.Context(), user))
		},
		"it is forced": func(w *world, _ *unstructured.Unstructured) {
			w.annotate("tenant-root", "foo", "cozystack.io/force-disable", "etcd")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := servedWorld(t)
			w.settle()
			w.uses("tenant-root") // which is no business of foo's
			user := w.uses("tenant-foo-bar")
			w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd, spec.Monitoring = false, false })
			w.settle()
			require.NotNil(t, w.service("tenant-foo", tenant.Etcd))
			require.Empty(t, w.saved("tenant-foo", "etcd-saved"))
			w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionFalse, "ServiceInUse")
			require.Equal(t, "etcd is turned off and stays, as it is in use: tenant-foo-bar/SeaweedFS/x; move them first, turn it on again, or "+
				"force it with the annotation cozystack.io/force-disable=etcd", w.condition("tenant-root", "foo", "ServicesReady").Message)

			ends(w, user)
			w.settle()
			require.Nil(t, w.service("tenant-foo", tenant.Etcd))
			require.Equal(t, "{}", w.saved("tenant-foo", "etcd-saved"))
			w.requireReason("tenant-root", "foo", "Ready", metav1.ConditionTrue, "Ready")
		})
	}
}

// An etcd that its members or users can't reach is lost to them, whatever the condition says.
func TestAnEtcdThatIsUsedIsReachedWhileItStays(t *testing.T) {
	w := servedWorld(t)
	w.site = isolatedWorld(t, policy.EnforcesKubernetes).site
	w.settle()

	user := w.uses("tenant-foo-bar")
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionFalse, "ServiceInUse")
	require.Contains(t, w.namespace("tenant-foo-bar").Labels, tenant.EtcdLabel+"tenant-foo")
	require.Contains(t, w.networkPolicies("tenant-foo"), "tenant-etcd")

	require.NoError(t, w.client.Delete(t.Context(), user))
	w.settle()
	require.Nil(t, w.service("tenant-foo", tenant.Etcd))
	require.NotContains(t, w.namespace("tenant-foo-bar").Labels, tenant.EtcdLabel+"tenant-foo")
	require.NotContains(t, w.networkPolicies("tenant-foo"), "tenant-etcd")
}

// What is below may have been refused since, and is not told of another etcd.
func TestATenantThatIsToldOfAServiceUsesIt(t *testing.T) {
	w := servedWorld(t)
	w.settle()
	w.change("tenant-foo", "qux", func(spec *v1alpha1.TenantSpec) { spec.Host = "org" })
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	w.requireReason("tenant-foo", "qux", "Accepted", metav1.ConditionFalse, "HostTaken")
	require.Contains(t, w.condition("tenant-root", "foo", "ServicesReady").Message, "in use: tenant-foo-qux;")
	require.NotNil(t, w.service("tenant-foo", tenant.Etcd))

	w.change("tenant-foo", "qux", func(spec *v1alpha1.TenantSpec) { spec.Host = "" })
	w.settle()
	require.Nil(t, w.service("tenant-foo", tenant.Etcd))
}

func TestWhoeverWaitsForUsersIsWokenWhenTheyGo(t *testing.T) {
	w := servedWorld(t)
	w.settle()

	user := w.uses("tenant-foo-bar")
	qux := w.namespace("tenant-foo-qux")
	foo := types.NamespacedName{Namespace: "tenant-root", Name: "foo"}
	woken := func() (count int) {
		hears := &hearing{tree: w.tree, tenants: &watch.Wakes[reconcile.Request]{}, pass: &passes{}}
		hears.object(user, nil)

		for _, one := range w.tree.tenantsOf(t.Context(), client.Object(qux)) {
			if one.NamespacedName == foo {
				count++
			}
		}

		return count + len(asked(t, hears.tenants))
	}
	require.Zero(t, woken(), "it runs etcd")

	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.Equal(t, 2, woken())
}
