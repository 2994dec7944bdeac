// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func one(parent, name, namespace string) v1alpha1.Tenant {
	return v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Namespace: parent, Name: name}, Status: v1alpha1.TenantStatus{Namespace: namespace},
	}
}

func TestATenantIsFoundByNamespacePathOrNameThatIsUnique(t *testing.T) {
	tenants := []v1alpha1.Tenant{
		one("tenant-root", "root", "tenant-root"), one("tenant-root", "a", "tenant-a"), one("tenant-root", "b", "tenant-b"),
		one("tenant-a", "x", "tenant-a-x"), one("tenant-b", "x", "tenant-b-x"), one("tenant-a", "late", ""),
		one("tenant-gone", "orphan", "tenant-gone-orphan"),
	}

	for word, namespace := range map[string]string{
		"tenant-a": "tenant-a", "a": "tenant-a", "root": "tenant-root", "root/b/x": "tenant-b-x", "tenant-b-x": "tenant-b-x",
		"root/a/late": "", "late": "", "orphan": "tenant-gone-orphan",
	} {
		found, err := admin.Find(tenants, word)
		require.NoError(t, err, word)
		require.Equal(t, namespace, found.Status.Namespace, word)
	}

	for word, says := range map[string]string{
		"x": `2 tenants are called "x": tenant-a-x, tenant-b-x`, "y": `no tenant is called "y"`, "gone/orphan": "no tenant", "": "no tenant",
	} {
		_, err := admin.Find(tenants, word)

		var unknown *admin.UnknownTenantError
		require.ErrorAs(t, err, &unknown, word)
		require.ErrorContains(t, err, says, word)
		require.NotEmpty(t, unknown.Hint(), word)
	}
}

// tokens answers for the API server.
func tokens(t *testing.T, account *string, seconds *int64, err error) *fake.Clientset {
	t.Helper()

	client := fake.NewClientset()
	client.PrependReactor("create", "serviceaccounts", func(action clienttesting.Action) (bool, runtime.Object, error) {
		create, isCreate := action.(clienttesting.CreateActionImpl)
		require.True(t, isCreate)
		require.Equal(t, "token", create.GetSubresource())

		request, isRequest := create.GetObject().(*authenticationv1.TokenRequest)
		require.True(t, isRequest)

		*account, *seconds = create.GetNamespace()+"/"+create.Name, *request.Spec.ExpirationSeconds
		request.Status = authenticationv1.TokenRequestStatus{Token: "secret-token", ExpirationTimestamp: metav1.Unix(1_800_000_000, 0)}

		return true, request, err
	})

	return client
}

func TestAKubeconfigHoldsATokenOfTheLevelAndNothingOfTheAsker(t *testing.T) {
	alpha := one("tenant-root", "alpha", "tenant-alpha")
	asker := &rest.Config{
		Host: "https://10.0.0.10:6443", BearerToken: "asker",
		TLSClientConfig: rest.TLSClientConfig{CAData: []byte("authority"), CertData: []byte("cert"), KeyData: []byte("key")},
	}

	for ttl, asked := range map[time.Duration]int64{8 * time.Hour: 28800, time.Second: 600} {
		var (
			account string
			seconds int64
		)

		access, err := admin.Kubeconfig(t.Context(), tokens(t, &account, &seconds, nil), asker, &alpha, tenant.SuperAdmin, ttl)
		require.NoError(t, err)
		require.Equal(t, "tenant-alpha/tenant-super-admin", account)
		require.Equal(t, asked, seconds)
		require.Equal(t, int64(1_800_000_000), access.Expires.Unix())

		read, err := clientcmd.RESTConfigFromKubeConfig(access.Kubeconfig)
		require.NoError(t, err)
		require.Equal(t, [3]string{"https://10.0.0.10:6443", "secret-token", "authority"},
			[3]string{read.Host, read.BearerToken, string(read.CAData)})
		require.Empty(t, read.CertData)
		require.Empty(t, read.KeyData)
		require.NotContains(t, string(access.Kubeconfig), "asker")
		require.Contains(t, string(access.Kubeconfig), "namespace: tenant-alpha")
	}
}

func TestWhoHasNoRightToALevelIsToldWhatItTakes(t *testing.T) {
	var (
		account string
		seconds int64
	)

	alpha, late := one("tenant-root", "alpha", "tenant-alpha"), one("tenant-root", "late", "")
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "serviceaccounts"}, "tenant-admin", errors.New("no"))

	_, err := admin.Kubeconfig(t.Context(), tokens(t, &account, &seconds, forbidden), &rest.Config{}, &alpha, tenant.Admin, time.Hour)
	require.ErrorContains(t, err, "you need the level admin in tenant-alpha, or in a tenant above")

	_, err = admin.Kubeconfig(t.Context(), fake.NewClientset(), &rest.Config{}, &late, tenant.Admin, time.Hour)

	var notReady *admin.NotReadyError
	require.ErrorAs(t, err, &notReady)
}
