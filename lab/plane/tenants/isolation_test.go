// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// isolated has the network policies of a namespace by their names.
func (w *world) isolated(t *testing.T, namespace string) map[string]networkingv1.NetworkPolicy {
	t.Helper()

	policies, err := w.clientset(t).NetworkingV1().NetworkPolicies(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)

	all := map[string]networkingv1.NetworkPolicy{}
	for _, one := range policies.Items {
		all[one.Name] = one
	}

	return all
}

// networkIsIsolated: the API server takes the policies, and the controller keeps them. Nothing enforces them here: what they let
// through is tested in lab/policy.
func (w *world) networkIsIsolated(t *testing.T) {
	w.create(t, "tenant-root", "walled", v1alpha1.TenantSpec{Etcd: true})
	w.awaitReason(t, "tenant-root", "walled", v1alpha1.ConditionPoliciesReady, "Partial")
	w.create(t, "tenant-walled", "inner", v1alpha1.TenantSpec{})

	said := w.awaitReason(t, "tenant-walled", "inner", v1alpha1.ConditionPoliciesReady, "Partial")
	require.Equal(t, metav1.ConditionTrue, said.Status)
	require.Contains(t, said.Message, "the node that a pod runs on is always open to it")

	before := w.isolated(t, "tenant-walled-inner")
	for _, name := range []string{"tenant", "tenant-within", "tenant-exposed", "tenant-apiserver", "tenant-to-etcd"} {
		require.Contains(t, before, name)
		require.Equal(t, "cozy-controller", before[name].Labels["app.kubernetes.io/managed-by"], name)
	}

	require.Len(t, before, 5)
	require.Empty(t, before["tenant"].Spec.PodSelector, "it is of all pods")
	require.ElementsMatch(t, []networkingv1.PolicyType{"Ingress", "Egress"}, before["tenant"].Spec.PolicyTypes)
	require.Contains(t, w.isolated(t, "tenant-walled"), "tenant-etcd")

	w.editedPoliciesComeBack(t, before)
	w.editedClusterAccessComesBack(t)

	w.annotate(t, "tenant-root", "walled", map[string]string{v1alpha1.AnnotationForceDisable: "etcd"})
	w.change(t, "tenant-root", "walled", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.await(t, func() bool {
		_, provides := w.isolated(t, "tenant-walled")["tenant-etcd"]
		_, uses := w.isolated(t, "tenant-walled-inner")["tenant-to-etcd"]

		return !provides && !uses
	}, func() string { return "policies of a service that is gone stay" })

	w.deleteAll(t, "tenant-walled", []string{"inner"})
	w.await(t, func() bool { return w.get(t, "tenant-root", "walled").Status.Children == 0 }, func() string { return "a child that went is counted" })
	w.deleteAll(t, "tenant-root", []string{"walled"})
}

// editedPoliciesComeBack: nobody but whoever edits them touches the tenant.
func (w *world) editedPoliciesComeBack(t *testing.T, before map[string]networkingv1.NetworkPolicy) {
	t.Helper()

	out, err := w.kubectl(t, "patch", "networkpolicy", "tenant", "--namespace", "tenant-walled-inner", "--type=merge", "-p", `{"spec": {"ingress": [{}]}}`)
	require.NoError(t, err, out)
	out, err = w.kubectl(t, "delete", "networkpolicy", "tenant-within", "--namespace", "tenant-walled-inner")
	require.NoError(t, err, out)

	w.await(t, func() bool {
		after := w.isolated(t, "tenant-walled-inner")

		return equal(after["tenant"], before["tenant"]) && equal(after["tenant-within"], before["tenant-within"])
	}, func() string { return "policies that somebody opened or took away do not come back" })

	after := w.isolated(t, "tenant-walled-inner")
	require.Equal(t, before["tenant-exposed"].ResourceVersion, after["tenant-exposed"].ResourceVersion, "nobody writes what nobody changed")
}

// editedClusterAccessComesBack: what the account that runs services has outside of its namespace is nobody else's, and stays its own.
func (w *world) editedClusterAccessComesBack(t *testing.T) {
	t.Helper()

	const name = "tenant-services-cluster:tenant-walled"

	access := func() *rbacv1.ClusterRoleBinding {
		var binding rbacv1.ClusterRoleBinding
		if err := w.client.Get(t.Context(), client.ObjectKey{Name: name}, &binding); err != nil {
			return nil
		}

		return &binding
	}

	before := access()
	require.NotNil(t, before)

	edited := before.DeepCopy()
	edited.Subjects = append(edited.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eve"})
	require.NoError(t, w.client.Update(t.Context(), edited))
	w.await(t, func() bool {
		is := access()

		return is != nil && apiequality.Semantic.DeepEqual(is.Subjects, before.Subjects)
	}, func() string { return "somebody who was let in stays" })

	require.NoError(t, w.client.Delete(t.Context(), before))
	w.await(t, func() bool {
		is := access()

		return is != nil && is.UID != before.UID
	}, func() string { return "what was taken away does not come back" })
}

func equal(a, b networkingv1.NetworkPolicy) bool {
	return a.Name == b.Name && apiequality.Semantic.DeepEqual(a.Spec, b.Spec)
}
