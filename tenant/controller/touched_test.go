// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/policy"
)

func TestWhatSomebodyAddsToAnObjectIsTakenOff(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesCilium)
	w.settle()

	key := client.ObjectKey{Namespace: "tenant-foo", Name: "tenant-admin"}

	var binding rbacv1.RoleBinding
	require.NoError(t, w.client.Get(t.Context(), key, &binding))
	subjects := binding.Subjects
	binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eve"})
	require.NoError(t, w.client.Update(t.Context(), &binding))

	own := w.cilium(policy.KindCilium, "tenant-foo", policy.TenantName)
	specs, _, err := unstructured.NestedSlice(own.Object, "specs")
	require.NoError(t, err)
	own.Object["specs"] = append(specs, map[string]any{"ingress": []any{map[string]any{"fromEntities": []any{"world"}}}})
	require.NoError(t, w.client.Update(t.Context(), own))

	w.settle()
	require.NoError(t, w.client.Get(t.Context(), key, &binding))
	require.Equal(t, subjects, binding.Subjects)
	require.Equal(t, specs, w.cilium(policy.KindCilium, "tenant-foo", policy.TenantName).Object["specs"])
}

// Cilium enforces what is in spec as what is in specs, which is ours.
func TestAnotherRuleBesideThoseOfAPolicyIsTakenOff(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesCilium)
	w.settle()

	for kind, namespace := range map[string]string{policy.KindCilium: "tenant-foo", policy.KindCiliumClusterwide: ""} {
		name := policy.TenantName
		if namespace == "" {
			name = policy.ClusterName
		}

		own := w.cilium(kind, namespace, name)
		before := own.DeepCopy()
		own.Object["spec"] = map[string]any{"endpointSelector": map[string]any{}, "ingress": []any{map[string]any{"fromEntities": []any{"world"}}}}
		own.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Valid", "status": "True"}}}
		require.NoError(t, w.client.Update(t.Context(), own))

		require.Equal(t, []string{"patch " + client.ObjectKeyFromObject(own).String()}, w.settle(), "the rest is as it was")

		after := w.cilium(kind, namespace, name)
		require.NotContains(t, after.Object, "spec")
		require.Equal(t, before.Object["specs"], after.Object["specs"])
		require.Contains(t, after.Object, "status", "what Cilium says of it is Cilium's")
	}

	require.Empty(t, w.settle())
}

func TestWhatOthersAddBesideStays(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot())
	w.settle()

	var account corev1.ServiceAccount
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "tenant-root", Name: "tenant-view"}, &account))
	account.Annotations["example.org/seen"] = "yes"
	account.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	require.NoError(t, w.client.Update(t.Context(), &account))

	require.Empty(t, w.settle())
}

// appliedAs is the metadata of an object that the controller has written, or somebody after it.
func appliedAs(digest, version string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "tenant-foo", Name: "one", ResourceVersion: version, Annotations: map[string]string{annotationApplied: digest},
	}
}

func TestOnlyWhatOthersDoToAnObjectTouchesIt(t *testing.T) {
	amount := corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}

	for name, tc := range map[string]struct {
		was, is   client.Object
		isTouched bool
	}{
		"told again":              {&rbacv1.RoleBinding{ObjectMeta: appliedAs("a", "1")}, &rbacv1.RoleBinding{ObjectMeta: appliedAs("a", "1")}, false},
		"changed by us":           {&rbacv1.RoleBinding{ObjectMeta: appliedAs("a", "1")}, &rbacv1.RoleBinding{ObjectMeta: appliedAs("b", "2")}, false},
		"replaced by somebody":    {&rbacv1.RoleBinding{ObjectMeta: appliedAs("a", "1")}, &rbacv1.RoleBinding{ObjectMeta: appliedAs("", "2")}, true},
		"changed by somebody":     {&rbacv1.RoleBinding{ObjectMeta: appliedAs("a", "1")}, &rbacv1.RoleBinding{ObjectMeta: appliedAs("a", "2")}, true},
		"more of a quota is used": {&corev1.ResourceQuota{ObjectMeta: appliedAs("a", "1")}, &corev1.ResourceQuota{ObjectMeta: appliedAs("a", "2"), Status: corev1.ResourceQuotaStatus{Used: amount}}, false},
		"a quota was raised":      {&corev1.ResourceQuota{ObjectMeta: appliedAs("a", "1")}, &corev1.ResourceQuota{ObjectMeta: appliedAs("a", "2"), Spec: corev1.ResourceQuotaSpec{Hard: amount}}, true},
	} {
		require.Equal(t, tc.isTouched, isTouched(tc.was, tc.is), name)
	}
}

func TestWhoeverTouchesAPolicyWakesItsTenant(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesCilium)
	w.settle()
	asked(t, w.woken)

	hearing := &hearing{tree: w.tree, tenants: w.woken, pass: &passes{}}
	root := types.NamespacedName{Namespace: "tenant-root", Name: "root"}
	foo := types.NamespacedName{Namespace: "tenant-root", Name: "foo"}
	bar := types.NamespacedName{Namespace: "tenant-foo", Name: "bar"}

	own := w.cilium(policy.KindCilium, "tenant-foo-bar", policy.TenantName)
	edited := own.DeepCopy()
	edited.SetResourceVersion("edited")

	hearing.policy(nil, own)
	require.Empty(t, asked(t, w.woken))

	hearing.policy(own, edited)
	require.Equal(t, requests([]types.NamespacedName{bar}), asked(t, w.woken))

	hearing.policy(own, nil)
	require.Equal(t, requests([]types.NamespacedName{bar}), asked(t, w.woken))

	hearing.policy(w.cilium(policy.KindCiliumClusterwide, "", policy.ClusterName), nil)
	require.Equal(t, requests([]types.NamespacedName{root}), asked(t, w.woken))

	services := w.cilium(policy.KindCiliumClusterwide, "", "cozystack-services-tenant-foo")
	hearing.policy(services, nil)
	require.Equal(t, requests([]types.NamespacedName{foo}), asked(t, w.woken))

	disowned := services.DeepCopy()
	disowned.SetOwnerReferences(nil)
	disowned.SetResourceVersion("disowned")
	hearing.policy(services, disowned)
	require.Equal(t, requests([]types.NamespacedName{foo}), asked(t, w.woken))

	hearing.policy(disowned, nil)
	require.Equal(t, requests([]types.NamespacedName{foo}), asked(t, w.woken), "whose it is, is known without its owner")

	other := services.DeepCopy()
	other.SetName("somebodys")
	hearing.policy(other, nil)
	require.Empty(t, asked(t, w.woken), "it is kept for nobody")

	w.delete("tenant-foo", "bar")
	_, err := w.resolver().Reconcile(t.Context(), wholeTree())
	require.NoError(t, err)
	asked(t, w.woken)

	hearing.policy(own, nil)
	require.Empty(t, asked(t, w.woken), "what goes with a tenant is nobody's doing")
}
