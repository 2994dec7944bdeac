// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// crowded is a tenant that runs etcd for twelve others and one application, and ingress for one.
func crowded() []v1alpha1.Tenant {
	first := make([]string, 10)
	inherited := v1alpha1.TenantService{Source: "inherited", Namespace: "tenant-foo"}
	tenants := []v1alpha1.Tenant{{}}
	for i := range 12 {
		child := v1alpha1.Tenant{Status: v1alpha1.TenantStatus{Namespace: fmt.Sprintf("tenant-foo-%c", 'a'+i)}}
		child.Status.Services = &v1alpha1.TenantServices{Etcd: inherited}
		tenants = append(tenants, child)
		if i < len(first) {
			first[i] = child.Status.Namespace
		}
	}
	tenants[1].Status.Services.Ingress = inherited
	tenants[0].Status = v1alpha1.TenantStatus{Namespace: "tenant-foo", Services: &v1alpha1.TenantServices{
		Etcd:    v1alpha1.TenantService{Source: "own", Namespace: "tenant-foo", Dependents: &v1alpha1.Dependents{Count: 13, First: first}},
		Ingress: v1alpha1.TenantService{Source: "own", Namespace: "tenant-foo", Dependents: &v1alpha1.Dependents{Count: 1, First: first[:1]}},
	}}

	return tenants
}

func withKubernetes() (*fake.Clientset, *dynamicfake.FakeDynamicClient) {
	typed := fake.NewClientset()
	typed.Resources = []*metav1.APIResourceList{{GroupVersion: "apps.cozystack.io/v1alpha1", APIResources: []metav1.APIResource{
		{Name: "tenants", Kind: "Tenant"}, {Name: "postgreses", Kind: "Postgres"},
	}}}
	user := an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-foo-b", "db")
	user.Object["status"] = map[string]any{"services": map[string]any{"etcd": "tenant-foo"}}
	other := an("apps.cozystack.io/v1alpha1", "Postgres", "tenant-foo-c", "db")
	other.Object["status"] = map[string]any{"services": map[string]any{"etcd": "tenant-root"}}

	return typed, dynamicWith(user, other)
}

func TestEveryDependentIsNamedWhereTheStatusNamesTheFirstOnly(t *testing.T) {
	typed, client := withKubernetes()
	tenants := crowded()

	dependents, err := admin.Dependents(t.Context(), typed, client, tenants, &tenants[0])
	require.NoError(t, err)
	require.Len(t, dependents, 1, "of ingress the status says all")
	require.Len(t, dependents["etcd"], 13)
	require.Equal(t, "tenant-foo-l", dependents["etcd"][11])
	require.Equal(t, "tenant-foo-b/Postgres/db", dependents["etcd"][12])

	dependents, err = admin.Dependents(t.Context(), typed, client, tenants, &tenants[1])
	require.NoError(t, err)
	require.Empty(t, dependents)
}

func TestWhoMayNotListAllGetsTheDependentsOfTheStatus(t *testing.T) {
	typed, client := withKubernetes()
	tenants := crowded()
	client.PrependReactor("list", "postgreses", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "postgreses"}, "", nil)
	})

	dependents, err := admin.Dependents(t.Context(), typed, client, tenants, &tenants[0])
	require.NoError(t, err)
	require.Empty(t, dependents)
}
