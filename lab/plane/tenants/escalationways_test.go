// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// entersPods tries what would run as the account of a pod, or reach what only the pod may reach. The pod is there.
func (a attacker) entersPods(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-alpha", Name: "entered"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
	a.await(t, func() bool { return client.IgnoreAlreadyExists(a.client.Create(t.Context(), pod)) == nil }, func() string { return "no pod is taken" })

	for _, way := range []string{"exec", "attach", "portforward", "proxy", "eviction"} {
		err := a.core.CoreV1().RESTClient().Post().Namespace("tenant-alpha").Resource("pods").Name("entered").SubResource(way).
			Param("command", "sh").Param("container", "main").Body([]byte(`{}`)).Do(t.Context()).Error()
		requireForbidden(t, err, "create pods/%s", way)
	}

	for _, way := range []string{"exec", "attach", "portforward", "proxy"} {
		err := a.core.CoreV1().RESTClient().Get().Namespace("tenant-alpha").Resource("pods").Name("entered").SubResource(way).Do(t.Context()).Error()
		requireForbidden(t, err, "get pods/%s", way)
	}

	_, err := a.core.CoreV1().Pods("tenant-alpha").UpdateEphemeralContainers(t.Context(), "entered", pod, metav1.UpdateOptions{})
	requireForbidden(t, err, "a debugging container")
	_, err = a.core.CoreV1().Pods("tenant-alpha").Create(t.Context(), pod, metav1.CreateOptions{})
	requireForbidden(t, err, "a pod with the account of releases")
	require.NoError(t, a.client.Delete(t.Context(), pod))
}

// editsCredentials tries the role by which the controller gives credentials away. There is one.
func (a attacker) editsCredentials(t *testing.T) {
	roles := a.core.RbacV1().Roles("tenant-alpha")
	rules := []byte(`{"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}]}`)

	_, err := roles.Patch(t.Context(), "tenant-credentials", types.MergePatchType, rules, metav1.PatchOptions{})
	requireForbidden(t, err, "patch the role")
	requireForbidden(t, roles.Delete(t.Context(), "tenant-credentials", metav1.DeleteOptions{}), "delete the role")

	subjects := []byte(`{"subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "mine"}]}`)
	_, err = a.core.RbacV1().RoleBindings("tenant-alpha").Patch(t.Context(), "tenant-credentials", types.MergePatchType, subjects, metav1.PatchOptions{})
	requireForbidden(t, err, "patch the binding")
}

// makesAToken has Kubernetes fill a Secret with the token of an account: of the one that releases, and of one's own level.
func (a attacker) makesAToken(t *testing.T) {
	for _, account := range []string{tenant.ReleaseAccount, tenant.ServiceAccount, "tenant-super-admin", "default"} {
		_, err := a.core.CoreV1().Secrets("tenant-alpha").Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "mine", Annotations: map[string]string{corev1.ServiceAccountNameKey: account}},
			Type:       corev1.SecretTypeServiceAccountToken,
		}, metav1.CreateOptions{})
		requireForbidden(t, err, "a token of %s for good", account)
	}

	_, err := a.core.CoreV1().Secrets("tenant-alpha").Patch(t.Context(), "stronger", types.MergePatchType,
		[]byte(`{"metadata": {"annotations": {"kubernetes.io/service-account.name": "default"}}}`), metav1.PatchOptions{})
	requireForbidden(t, err, "another account for a Secret that is there")
}

// asksForAYear: a token of a level opens what the level does until it ends, whatever has become of who asked for it. Which account it
// is that asks makes no difference, nor what the token is bound to.
func (a attacker) asksForAYear(t *testing.T) {
	asks := func(by kubernetes.Interface, account string, life time.Duration, bound *authenticationv1.BoundObjectReference) error {
		seconds := int64(life / time.Second)
		answer, err := by.CoreV1().ServiceAccounts("tenant-alpha").CreateToken(t.Context(), account, &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds, BoundObjectRef: bound},
		}, metav1.CreateOptions{})

		if err == nil {
			require.WithinDuration(t, time.Now().Add(life), answer.Status.ExpirationTimestamp.Time, 5*time.Minute, account)
		}

		return err
	}

	secret := &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Secret", Name: "stronger"}

	for _, level := range tenant.Levels() {
		account := tenant.Account(level)
		require.NoError(t, asks(a.core, account, admin.MaxTTL, nil))

		for _, life := range []time.Duration{admin.MaxTTL + time.Second, 365 * 24 * time.Hour, 1 << 32 * time.Second} {
			for _, bound := range []*authenticationv1.BoundObjectReference{nil, secret} {
				err := asks(a.core, account, life, bound)
				requireForbidden(t, err, "%s for %s", account, life)
				require.ErrorContains(t, err,
					fmt.Sprintf(`spec.expirationSeconds: "%d": a token of %s is good for 86400 seconds at most`, life/time.Second, account))
			}
		}
	}

	// Those of others are for their owners to bound: Flux and kubelets ask for tokens as well.
	operator := a.clientset(t)
	require.NoError(t, asks(operator, tenant.ReleaseAccount, 2*admin.MaxTTL, nil))
	require.NoError(t, asks(operator, "default", 2*admin.MaxTTL, nil))
	requireForbidden(t, asks(operator, tenant.Account(tenant.View), 2*admin.MaxTTL, nil), "an operator asks")
}

// consentsToLoss: what data is lost with, and what is turned off under others, is for super-admins to say, and within their
// tenant. An admin may not, and the strongest of all below may not of what is above.
func (a attacker) consentsToLoss(t *testing.T) {
	lesser := a.attacker(t, tenant.Admin)

	for _, annotation := range []string{v1alpha1.AnnotationAcceptDataLoss, v1alpha1.AnnotationForceDisable, v1alpha1.AnnotationConfirmDelete} {
		consent := []byte(`{"metadata": {"annotations": {"` + annotation + `": "etcd, monitoring"}}}`)

		for _, one := range []struct {
			by              attacker
			namespace, name string
			mayNot          bool
		}{
			{lesser, "tenant-alpha", "beta", true},
			{lesser, "tenant-root", "alpha", true},
			{a, "tenant-root", "alpha", true},
			{a, "tenant-root", "victim", true},
			{a, "tenant-alpha", "beta", false},
		} {
			_, err := one.by.tenants(one.namespace).Patch(t.Context(), one.name, types.MergePatchType, consent, metav1.PatchOptions{DryRun: []string{"All"}})
			require.Equal(t, one.mayNot, apierrors.IsForbidden(err), "%s on %s in %s: %v", annotation, one.name, one.namespace, err)

			if !one.mayNot {
				require.NoError(t, err)
			}
		}
	}
}
