// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/controller"
	"github.com/cozystack/cozy-install/tenant/policy"
)

func (f *forest) accessDiffers(t *testing.T, resolved map[string]tenant.Resolved) []string {
	t.Helper()

	var (
		accounts corev1.ServiceAccountList
		bindings rbacv1.RoleBindingList
		cluster  rbacv1.ClusterRoleBindingList
	)

	for _, list := range []client.ObjectList{&accounts, &bindings, &cluster} {
		require.NoError(t, f.client.List(t.Context(), list, client.MatchingLabels(controller.ManagedLabels())))
	}

	var want, got []string

	for namespace, one := range resolved {
		for _, grant := range one.Grants() {
			want = append(want, "account "+namespace+"/"+tenant.Account(grant.Level))

			for _, group := range grant.Groups {
				want = append(want, namespace+": "+tenant.Account(grant.Level)+" to /"+group)
			}

			for _, account := range grant.Accounts {
				want = append(want, namespace+": "+tenant.Account(grant.Level)+" to "+account.String())
			}
		}

		for _, name := range []string{tenant.ReleaseAccount, tenant.ServiceAccount} {
			want = append(want, "account "+namespace+"/"+name, namespace+": "+name+" to "+namespace+"/"+name)
		}

		if slices.ContainsFunc(one.Services[:], func(p tenant.Provision) bool { return p.Source == tenant.Own }) {
			want = append(want, ": tenant-services-cluster to "+namespace+"/"+tenant.ServiceAccount)
		}
	}

	for i := range accounts.Items {
		got = append(got, "account "+client.ObjectKeyFromObject(&accounts.Items[i]).String())
	}

	add := func(namespace string, role rbacv1.RoleRef, subjects []rbacv1.Subject) {
		for _, subject := range subjects {
			got = append(got, namespace+": "+role.Name+" to "+subject.Namespace+"/"+subject.Name)
		}
	}

	for i := range bindings.Items {
		add(bindings.Items[i].Namespace, bindings.Items[i].RoleRef, bindings.Items[i].Subjects)
	}

	for i := range cluster.Items {
		add("", cluster.Items[i].RoleRef, cluster.Items[i].Subjects)
	}

	return differences(want, got)
}

func (f *forest) isolationDiffers(t *testing.T, resolved map[string]tenant.Resolved, site policy.Site) (all []string) {
	t.Helper()

	var policies networkingv1.NetworkPolicyList
	require.NoError(t, f.client.List(t.Context(), &policies))

	found := map[types.NamespacedName]*networkingv1.NetworkPolicy{}
	for i := range policies.Items {
		found[client.ObjectKeyFromObject(&policies.Items[i])] = &policies.Items[i]
	}

	for _, one := range resolved {
		for _, want := range site.Kubernetes(one) {
			key := client.ObjectKeyFromObject(want)
			if got := found[key]; got == nil || !equality.Semantic.DeepEqual(want.Spec, got.Spec) {
				all = append(all, fmt.Sprintf("policy %s: want %v, got %v", key, want.Spec, got))
			}

			delete(found, key)
		}
	}

	for key := range found {
		all = append(all, "left behind: policy "+key.String())
	}

	return all
}

func (f *forest) quotasDiffer(t *testing.T, resolved map[string]tenant.Resolved) []string {
	t.Helper()

	var quotas corev1.ResourceQuotaList
	require.NoError(t, f.client.List(t.Context(), &quotas))

	var want, got []string

	for namespace, one := range resolved {
		for name, amount := range one.Quota.Own().Hard() {
			want = append(want, fmt.Sprintf("quota of %s: %s %v", namespace, name, amount.AsApproximateFloat64()))
		}
	}

	for i := range quotas.Items {
		for name, amount := range quotas.Items[i].Spec.Hard {
			got = append(got, fmt.Sprintf("quota of %s: %s %v", quotas.Items[i].Namespace, name, amount.AsApproximateFloat64()))
		}
	}

	return differences(want, got)
}

// orderedDiffers looks at services and applications.
func (f *forest) orderedDiffers(t *testing.T, resolved map[string]tenant.Resolved) []string {
	t.Helper()

	var want, got []string

	for namespace, one := range resolved {
		for _, service := range tenant.Services() {
			if one.Services[service].Source == tenant.Own {
				want = append(want, service.Kind()+" in "+namespace)
			}
		}
	}

	for _, one := range f.trees {
		if f.isKept(one) && one.hasApplication {
			want = append(want, "Postgres in "+one.namespace())
		}
	}

	kinds := []string{"Postgres"}
	for _, service := range tenant.Services() {
		kinds = append(kinds, service.Kind())
	}

	for _, kind := range kinds {
		for _, object := range f.list(t, kind) {
			got = append(got, kind+" in "+object.GetNamespace())
		}
	}

	return differences(want, got)
}
