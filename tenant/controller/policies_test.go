// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

func isolatedWorld(t *testing.T, enforces policy.Enforcer) *world {
	t.Helper()

	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "foo", v1alpha1.TenantSpec{Etcd: true}), made("tenant-foo", "bar", v1alpha1.TenantSpec{}))
	w.site = &policy.Site{
		Enforces: enforces,
		Nodes:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Pods:     []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
		Services: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
		API:      []netip.Addr{netip.MustParseAddr("192.0.2.10")}, APIPort: 6443, ClusterDomain: "cluster.local",
	}
	require.NoError(t, w.site.Check())

	for _, kind := range []string{policy.KindCilium, policy.KindCiliumClusterwide} {
		w.ciliums.set(kind, policy.GroupVersionCilium().WithKind(kind))
	}

	return w
}

func (w *world) cilium(kind, namespace, name string) *unstructured.Unstructured {
	w.t.Helper()

	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(policy.GroupVersionCilium().WithKind(kind))

	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found)
	if apierrors.IsNotFound(err) {
		return nil
	}

	require.NoError(w.t, err)

	return found
}

func TestCiliumsPoliciesAreKept(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesCilium)
	w.settle()
	w.requireReason("tenant-foo", "bar", "PoliciesReady", metav1.ConditionTrue, "PoliciesReady")
	require.Empty(t, w.settle(), "nothing is written without a difference")

	constant := w.cilium(policy.KindCiliumClusterwide, "", policy.ClusterName)
	require.NotNil(t, constant)
	require.Equal(t, w.site.CiliumCluster().Object["specs"], constant.Object["specs"])

	own := w.cilium(policy.KindCilium, "tenant-foo-bar", policy.TenantName)
	require.NotNil(t, own)
	require.Equal(t, "cozy-controller", own.GetLabels()["app.kubernetes.io/managed-by"])

	// Whoever opens it or takes it away, it comes back.
	own.Object["specs"] = []any{}
	require.NoError(t, w.client.Update(t.Context(), own))
	require.NoError(t, w.client.Delete(t.Context(), constant))
	w.settle()
	require.NotNil(t, w.cilium(policy.KindCiliumClusterwide, "", policy.ClusterName))
	require.Len(t, w.cilium(policy.KindCilium, "tenant-foo-bar", policy.TenantName).Object["specs"], 2)
}

func TestTheServicesOfATenantHaveAPolicyWhileItRunsSome(t *testing.T) {
	const ofFoo = "cozystack-services-tenant-foo"

	w := isolatedWorld(t, policy.EnforcesCilium)
	w.settle()

	services := w.cilium(policy.KindCiliumClusterwide, "", ofFoo)
	require.NotNil(t, services)
	require.Len(t, services.GetOwnerReferences(), 1, "it goes with the namespace")
	require.Equal(t, w.namespace("tenant-foo").UID, services.GetOwnerReferences()[0].UID)
	require.Nil(t, w.cilium(policy.KindCiliumClusterwide, "", "cozystack-services-tenant-foo-bar"))

	require.NoError(t, w.client.Delete(t.Context(), services))
	w.settle()
	require.NotNil(t, w.cilium(policy.KindCiliumClusterwide, "", ofFoo))

	// One that goes changes no policy of those below, however many these are.
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })

	require.NotContains(t, w.settle(), "apply tenant-foo-bar/"+policy.TenantName)
	require.Nil(t, w.cilium(policy.KindCiliumClusterwide, "", ofFoo))
}

func TestWithoutCiliumsKindsNothingElseStops(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesCilium)
	w.ciliums.set(policy.KindCiliumClusterwide, schema.GroupVersionKind{})
	w.settle()
	w.requireReason("tenant-foo", "bar", "PoliciesReady", metav1.ConditionFalse, "CiliumMissing")
	w.requireReason("tenant-foo", "bar", "AccessReady", metav1.ConditionTrue, "AccessReady")
	w.requireReason("tenant-foo", "bar", "Ready", metav1.ConditionFalse, "CiliumMissing")

	w.ciliums.note(policy.KindCiliumClusterwide, policy.GroupVersionCilium().WithKind(policy.KindCiliumClusterwide), true)
	w.settle()
	w.requireReason("tenant-foo", "bar", "Ready", metav1.ConditionFalse, "KindNotRead")

	w.ciliums.note(policy.KindCiliumClusterwide, schema.GroupVersionKind{}, false)
	w.ciliums.set(policy.KindCiliumClusterwide, policy.GroupVersionCilium().WithKind(policy.KindCiliumClusterwide))
	w.settle()
	w.requireReason("tenant-foo", "bar", "PoliciesReady", metav1.ConditionTrue, "PoliciesReady")
	w.requireReason("tenant-foo", "bar", "Ready", metav1.ConditionTrue, "Ready")
}

func (w *world) networkPolicies(namespace string) (names []string) {
	w.t.Helper()

	var list networkingv1.NetworkPolicyList
	require.NoError(w.t, w.client.List(w.t.Context(), &list, client.InNamespace(namespace)))

	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}

	return names
}

func TestNetworkPoliciesAreKeptAndTheirGapsNamed(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesKubernetes)
	w.settle()
	w.requireReason("tenant-foo", "bar", "PoliciesReady", metav1.ConditionTrue, "Partial")
	require.Contains(t, w.condition("tenant-foo", "bar", "PoliciesReady").Message, "the node that a pod runs on is always open to it")
	require.Empty(t, w.settle(), "nothing is written without a difference")

	require.ElementsMatch(t, []string{"tenant", "tenant-within", "tenant-exposed", "tenant-apiserver", "tenant-to-etcd"}, w.networkPolicies("tenant-foo-bar"))
	require.Contains(t, w.networkPolicies("tenant-foo"), "tenant-etcd")

	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.NotContains(t, w.networkPolicies("tenant-foo"), "tenant-etcd")
	require.NotContains(t, w.networkPolicies("tenant-foo-bar"), "tenant-to-etcd")
}

func TestWhatIsNotEnforcedIsSaid(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesNothing)
	w.settle()
	w.requireReason("tenant-foo", "bar", "PoliciesReady", metav1.ConditionFalse, "NotEnforced")
	w.requireReason("tenant-foo", "bar", "Ready", metav1.ConditionTrue, "Ready")
	require.Nil(t, w.cilium(policy.KindCilium, "tenant-foo-bar", policy.TenantName))
}
