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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// attacker holds a token of a level in tenant alpha, and tries to get more by it. What it asks for need not be there: whether it
// may is decided first.
type attacker struct {
	*world

	core    kubernetes.Interface
	dynamic dynamic.Interface
}

func (w *world) attacker(t *testing.T, level tenant.Level) attacker {
	t.Helper()

	access, err := admin.Kubeconfig(t.Context(), w.clientset(t), w.plane.RESTConfig(), w.get(t, "tenant-root", "alpha"), level, time.Hour)
	require.NoError(t, err)

	config, err := clientcmd.RESTConfigFromKubeConfig(access.Kubeconfig)
	require.NoError(t, err)

	config.QPS = -1 // what is refused is told at once
	a := attacker{world: w}
	a.core, err = kubernetes.NewForConfig(config)
	require.NoError(t, err)
	a.dynamic, err = dynamic.NewForConfig(config)
	require.NoError(t, err)

	return a
}

// The strongest of a tenant that must not have something tries: most often the super-admin. The weaker have less of everything
// (levelsReachDown).
func (w *world) escalationsAreRefused(t *testing.T) {
	w.create(t, "tenant-root", "victim", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "victim")

	for name, kind := range map[string]corev1.SecretType{"stronger": corev1.SecretTypeServiceAccountToken, "sh.helm.release.v1.db.v1": "helm.sh/release.v1"} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: "tenant-alpha", Name: name, Labels: map[string]string{"owner": "helm"},
			Annotations: map[string]string{corev1.ServiceAccountNameKey: tenant.ReleaseAccount},
		}, Type: kind}
		require.NoError(t, w.client.Create(t.Context(), secret))
	}

	a := w.attacker(t, tenant.SuperAdmin)

	t.Run("reading a stronger token", a.readsAToken)
	t.Run("asking for a stronger token", a.asksForAToken)
	t.Run("asking for a token that outlives one's membership", a.asksForAYear)
	t.Run("creating a role binding", a.bindsARole)
	t.Run("creating or patching a HelmRelease", a.writes(schema.GroupVersion{Group: "helm.toolkit.fluxcd.io", Version: "v2"}, "HelmRelease", "helmreleases"))

	for kind, resource := range map[string]string{
		"HelmRepository": "helmrepositories", "HelmChart": "helmcharts", "OCIRepository": "ocirepositories", "GitRepository": "gitrepositories", "Bucket": "buckets",
	} {
		t.Run("creating or patching a source: "+kind, a.writes(schema.GroupVersion{Group: "source.toolkit.fluxcd.io", Version: "v1"}, kind, resource))
	}

	t.Run("creating or patching a Kustomization", a.writes(schema.GroupVersion{Group: "kustomize.toolkit.fluxcd.io", Version: "v1"}, "Kustomization", "kustomizations"))
	t.Run("editing labels of one's namespace", a.editsLabels)
	t.Run("setting a foreign host", a.setsAHost)
	t.Run("a child with a reserved name", a.takesAName)
	t.Run("a tenant with a forged namespace", a.forgesANamespace)
	t.Run("listing Secrets", a.listsSecrets)
	t.Run("reading Helm's releases", a.readsReleases)
	t.Run("reading who holds which host", a.readsLimits)
	t.Run("entering a pod", a.entersPods)
	t.Run("editing the role of credentials", a.editsCredentials)
	t.Run("having a Secret filled with a token", a.makesAToken)
	t.Run("consenting to the loss of data", a.consentsToLoss)
	t.Run("leaving a tenant behind that runs on", a.abandonsATenant)

	w.deleteAll(t, "tenant-alpha", []string{"forged"})
	w.deleteAll(t, "tenant-root", []string{"victim"})
}

func requireForbidden(t *testing.T, err error, what string, arguments ...any) {
	t.Helper()
	require.True(t, apierrors.IsForbidden(err), "%s: %v", fmt.Sprintf(what, arguments...), err)
}

func (a attacker) readsAToken(t *testing.T) {
	_, err := a.core.CoreV1().Secrets("tenant-alpha").Get(t.Context(), "stronger", metav1.GetOptions{})
	requireForbidden(t, err, "a token that is there")
}

func (a attacker) asksForAToken(t *testing.T) {
	asks := func(by kubernetes.Interface, namespace, account string) error {
		_, err := by.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})

		return err
	}

	for _, account := range []string{tenant.ReleaseAccount, tenant.ServiceAccount, "default"} {
		requireForbidden(t, asks(a.core, "tenant-alpha", account), "%s in its own namespace", account)
	}

	for _, account := range []string{"tenant-view", "tenant-super-admin"} {
		requireForbidden(t, asks(a.core, "tenant-root", account), "%s above", account)
		requireForbidden(t, asks(a.core, "tenant-victim", account), "%s beside", account)
	}

	requireForbidden(t, asks(a.core, systemNamespace, "cozy-controller"), "the controller's")
	require.NoError(t, asks(a.core, "tenant-alpha", "tenant-super-admin"), "one's own")

	lesser := a.attacker(t, tenant.Admin)
	requireForbidden(t, asks(lesser.core, "tenant-alpha", "tenant-super-admin"), "an admin asks for super-admin")
}

func (a attacker) bindsARole(t *testing.T) {
	v1 := schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
	a.writes(v1, "RoleBinding", "rolebindings")(t)
	a.writes(v1, "Role", "roles")(t)

	cluster := &unstructured.Unstructured{}
	cluster.SetGroupVersionKind(v1.WithKind("ClusterRoleBinding"))
	cluster.SetName("mine")

	_, err := a.dynamic.Resource(v1.WithResource("clusterrolebindings")).Create(t.Context(), cluster, metav1.CreateOptions{})
	requireForbidden(t, err, "in the whole cluster")
}

// writes tries to make and to change an object, in the attacker's own namespace.
func (a attacker) writes(version schema.GroupVersion, kind, resource string) func(*testing.T) {
	return func(t *testing.T) {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(version.WithKind(kind))
		object.SetName("mine")

		to := a.dynamic.Resource(version.WithResource(resource)).Namespace("tenant-alpha")

		_, err := to.Create(t.Context(), object, metav1.CreateOptions{})
		requireForbidden(t, err, "create %s", resource)
		_, err = to.Apply(t.Context(), "mine", object, metav1.ApplyOptions{FieldManager: "me"})
		requireForbidden(t, err, "apply %s", resource)
		_, err = to.Patch(t.Context(), "mine", types.MergePatchType, []byte(`{"spec": {}}`), metav1.PatchOptions{})
		requireForbidden(t, err, "patch %s", resource)
		requireForbidden(t, to.Delete(t.Context(), "mine", metav1.DeleteOptions{}), "delete %s", resource)
	}
}

func (a attacker) editsLabels(t *testing.T) {
	labels := []byte(`{"metadata": {"labels": {"tenant.cozystack.io/tenant-victim": "", "cozystack.io/system": "true"}}}`)
	for _, namespace := range []string{"tenant-alpha", "tenant-alpha-beta"} {
		_, err := a.core.CoreV1().Namespaces().Patch(t.Context(), namespace, types.MergePatchType, labels, metav1.PatchOptions{})
		requireForbidden(t, err, "patch %s", namespace)
	}

	_, err := a.core.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, metav1.CreateOptions{})
	requireForbidden(t, err, "a namespace of its own making")
}

func (a attacker) readsLimits(t *testing.T) {
	limits := a.dynamic.Resource(v1alpha1.GroupVersion.WithResource(v1alpha1.TenantLimitsPlural))

	for _, namespace := range []string{"tenant-root", "tenant-alpha"} {
		_, err := limits.Namespace(namespace).Get(t.Context(), v1alpha1.TenantLimitsName, metav1.GetOptions{})
		requireForbidden(t, err, "in %s", namespace)
	}

	a.writes(v1alpha1.GroupVersion, v1alpha1.TenantLimitsKind, v1alpha1.TenantLimitsPlural)(t)
}

func (a attacker) listsSecrets(t *testing.T) {
	for _, namespace := range []string{"", "tenant-alpha", "tenant-alpha-beta"} {
		secrets := a.core.CoreV1().Secrets(namespace)

		_, err := secrets.List(t.Context(), metav1.ListOptions{})
		requireForbidden(t, err, "list in %q", namespace)
		_, err = secrets.Watch(t.Context(), metav1.ListOptions{})
		requireForbidden(t, err, "watch in %q", namespace)
	}

	err := a.core.CoreV1().Secrets("tenant-alpha").DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
	requireForbidden(t, err, "delete all")
}

func (a attacker) readsReleases(t *testing.T) {
	_, err := a.core.CoreV1().Secrets("tenant-alpha").Get(t.Context(), "sh.helm.release.v1.db.v1", metav1.GetOptions{})
	requireForbidden(t, err, "a release that is there")
	_, err = a.core.CoreV1().Secrets("tenant-alpha").List(t.Context(), metav1.ListOptions{LabelSelector: "owner=helm"})
	requireForbidden(t, err, "by label")
	_, err = a.core.CoreV1().ConfigMaps("tenant-alpha").List(t.Context(), metav1.ListOptions{LabelSelector: "owner=helm"})
	requireForbidden(t, err, "Helm's other store")
	require.NoError(t, a.client.Get(t.Context(), client.ObjectKey{Namespace: "tenant-alpha", Name: "stronger"}, &corev1.Secret{}), "it is there")
}
