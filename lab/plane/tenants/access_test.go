// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func (w *world) clientset(t *testing.T) kubernetes.Interface {
	t.Helper()

	client, err := kubernetes.NewForConfig(w.plane.RESTConfig())
	require.NoError(t, err)

	return client
}

// may asks the API server whether members of a group may do something.
func (w *world) may(t *testing.T, group string, attributes authorizationv1.ResourceAttributes) bool {
	t.Helper()

	review, err := w.clientset(t).AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "somebody", Groups: []string{group, "system:authenticated"}, ResourceAttributes: &attributes,
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	return review.Status.Allowed
}

func (w *world) tokensAreOfOnesLevel(t *testing.T) {
	alpha, gamma := w.get(t, "tenant-root", "alpha"), w.get(t, "tenant-alpha-beta", "gamma")
	root := w.get(t, "tenant-root", "root")

	for held, level := range tenant.Levels() {
		access, err := admin.Kubeconfig(t.Context(), w.clientset(t), w.plane.RESTConfig(), alpha, level, time.Hour)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(time.Hour), access.Expires, 5*time.Minute)

		config, err := clientcmd.RESTConfigFromKubeConfig(access.Kubeconfig)
		require.NoError(t, err)
		holder, err := kubernetes.NewForConfig(config)
		require.NoError(t, err)

		_, err = holder.CoreV1().Pods("tenant-alpha-beta-gamma").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err, level)
		_, err = holder.CoreV1().Pods("tenant-root").List(t.Context(), metav1.ListOptions{})
		require.True(t, apierrors.IsForbidden(err), "%s: %v", level, err)

		for asked, other := range tenant.Levels() {
			for _, one := range []*v1alpha1.Tenant{alpha, gamma} {
				_, err := admin.Kubeconfig(t.Context(), holder, config, one, other, time.Hour)
				require.Equal(t, asked <= held, err == nil, "%s of alpha asks for %s of %s: %v", level, other, one.Name, err)
			}

			_, err = admin.Kubeconfig(t.Context(), holder, config, root, other, time.Hour)
			require.ErrorContains(t, err, "you need the level "+string(other)+" in tenant-root")
		}
	}
}

func (w *world) quotasHold(t *testing.T) {
	out, err := w.apply(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant", "metadata": {"namespace": "tenant-root", "name": "small"},
		"spec": {"resourceQuotas": {"cpu": "1", "pods": "2"}}}`)
	require.NoError(t, err, out)
	w.awaitReady(t, "tenant-root", "small")

	pod := func(name string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-small", Name: name},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
		}
	}

	// Kubernetes takes a moment to notice a quota, and a service account.
	w.await(t, func() bool { return w.client.Create(t.Context(), pod("one")) == nil }, func() string { return "no pod is taken" })

	made := pod("one")
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(made), made))
	require.Equal(t, "25m", made.Spec.Containers[0].Resources.Requests.Cpu().String(), "it asked for nothing")
	require.NoError(t, w.client.Create(t.Context(), pod("two")))
	require.ErrorContains(t, w.client.Create(t.Context(), pod("three")), "exceeded quota: tenant-quota")

	w.change(t, "tenant-root", "small", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = bounded("cpu", "2", "pods", "1") })
	w.awaitReason(t, "tenant-root", "small", v1alpha1.ConditionQuotaReady, "QuotaBelowUse")
	w.givesWhatIsFree(t, pod("one"), pod("two"))

	// Bounds that nobody sets any more go, and with them what pods are given that ask for nothing.
	w.change(t, "tenant-root", "small", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = nil })
	w.await(t, func() bool {
		var bounds corev1.ResourceQuotaList

		var ranges corev1.LimitRangeList

		return w.client.List(t.Context(), &bounds, client.InNamespace("tenant-small")) == nil && len(bounds.Items) == 0 &&
			w.client.List(t.Context(), &ranges, client.InNamespace("tenant-small")) == nil && len(ranges.Items) == 0
	}, func() string { return "bounds that are set no more stay" })

	w.delete(t, "tenant-root", "small")
	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "small"}})
}

// givesWhatIsFree looks at a tenant with two pods that has them both to give, to itself or to those below, and asks for one.
func (w *world) givesWhatIsFree(t *testing.T, pods ...*corev1.Pod) {
	t.Helper()

	below := `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant", "metadata": {"namespace": "tenant-small", "name": "tiny"},
		"spec": {"resourceQuotas": {"cpu": "10m", "pods": "1"}}}`
	out, err := w.apply(t, below)
	require.Error(t, err, "both pods run above")
	require.Contains(t, out+err.Error(), `"1": 2 is left of what the tenant above may use, and the tenant above uses 2 of it itself`)

	require.NoError(t, w.client.Delete(t.Context(), pods[0], client.GracePeriodSeconds(0)))
	w.awaitReason(t, "tenant-root", "small", v1alpha1.ConditionQuotaReady, v1alpha1.ConditionQuotaReady)
	require.NoError(t, w.client.Delete(t.Context(), pods[1], client.GracePeriodSeconds(0)))
	w.await(t, func() bool {
		out, err = w.apply(t, below)

		return err == nil
	}, func() string { return out })
	w.awaitReady(t, "tenant-small", "tiny")
	require.ErrorContains(t, w.client.Create(t.Context(), pods[0]), "exceeded quota: tenant-quota", "it is given")

	w.delete(t, "tenant-small", "tiny")
	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-small", Name: "tiny"}})
	w.awaitChildless(t, "tenant-root", "small")
}

// bounded reads pairs of keys and quantities.
func bounded(pairs ...string) map[string]resource.Quantity {
	all := map[string]resource.Quantity{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = resource.MustParse(pairs[i+1])
	}

	return all
}
