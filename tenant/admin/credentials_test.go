// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func an(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetAPIVersion(apiVersion)
	object.SetKind(kind)
	object.SetNamespace(namespace)
	object.SetName(name)

	return object
}

func dynamicWith(objects ...runtime.Object) *dynamicfake.FakeDynamicClient {
	return dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		v1alpha1.GroupVersion.WithResource("tenants"):                              "TenantList",
		v1alpha1.GroupVersion.WithResource("postgreses"):                           "PostgresList",
		v1alpha1.GroupVersion.WithResource("etcds"):                                "EtcdList",
		{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"}: "HelmReleaseList",
	}, objects...)
}

func TestCredentialsAreThoseThatTheStatusNames(t *testing.T) {
	typed := fake.NewClientset(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: "postgres-db"}, Data: map[string][]byte{"user": []byte("u"), "password": []byte("p")}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: "other"}, Data: map[string][]byte{"x": []byte("y")}},
	)
	typed.Resources = []*metav1.APIResourceList{{GroupVersion: "apps.cozystack.io/v1alpha1", APIResources: []metav1.APIResource{
		{Name: "postgreses", SingularName: "postgres", Kind: "Postgres"},
		{Name: "postgreses/status", Kind: "Postgres"},
		{Name: "tenants", SingularName: "tenant", Kind: "Tenant"},
		{Name: "tenantlimits", Kind: "TenantLimits"},
	}}}

	db := an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-a", "db")
	db.Object["status"] = map[string]any{"credentials": []any{map[string]any{"secret": "postgres-db", "description": "of the owner"}}}
	late := an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-a", "late")
	late.Object["status"] = map[string]any{
		"credentials": []any{map[string]any{"secret": "postgres-late"}},
		"conditions":  []any{map[string]any{"type": "Ready", "status": "False", "reason": "Progressing", "message": "its chart is installed"}},
	}
	client := dynamicWith(db, late, an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-a", "fresh"))

	for _, kind := range []string{"postgres", "Postgres", "postgreses"} {
		found, err := admin.Credentials(t.Context(), typed, client, "tenant-a", kind, "db")
		require.NoError(t, err)
		require.Equal(t, []admin.Credential{
			{Secret: "postgres-db", Description: "of the owner", Key: "password", Value: []byte("p")},
			{Secret: "postgres-db", Description: "of the owner", Key: "user", Value: []byte("u")},
		}, found)
	}

	for name, says := range map[string]string{
		"late":  "Postgres/late in tenant-a has no credentials: the Secret postgres-late is not there yet; it is not ready: Progressing: its chart is installed",
		"fresh": "its status names none; its controller has not looked at it yet",
	} {
		_, err := admin.Credentials(t.Context(), typed, client, "tenant-a", "postgres", name)

		var none *admin.NoCredentialsError
		require.ErrorAs(t, err, &none)
		require.ErrorContains(t, err, says)
		require.Contains(t, none.Hint(), "kubectl describe --namespace tenant-a postgreses.apps.cozystack.io "+name)
	}

	_, err := admin.Credentials(t.Context(), typed, client, "tenant-a", "postgres", "gone")

	var missing *admin.MissingApplicationError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "get Postgres gone in tenant-a")
	require.Contains(t, missing.Hint(), "kubectl get --namespace tenant-a postgreses.apps.cozystack.io;")

	_, err = admin.Credentials(t.Context(), typed, client, "tenant-a", "mysql", "db")

	var unknown *admin.UnknownKindError
	require.ErrorAs(t, err, &unknown)
	require.Contains(t, unknown.Hint(), "Postgres")

	_, err = admin.Credentials(t.Context(), typed, client, "tenant-a", "tenant", "db")
	require.ErrorAs(t, err, &unknown, "a tenant is no application")
	require.NotContains(t, unknown.Kinds, "Tenant")
	require.Contains(t, (&admin.UnknownKindError{}).Hint(), "kubectl get applicationdefinitions")
}
