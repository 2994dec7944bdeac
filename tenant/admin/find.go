// SPDX-License-Identifier: Apache-2.0

// Package admin is what people do to tenants from outside the cluster: look at them, make and delete one, give somebody access,
// learn why traffic passes or does not, and get the credentials of applications. It is given clients, and goes by what the API
// server and the controller say; it decides nothing itself.
package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// List is every tenant that the client may see, sorted by the namespace of the parent and then by name.
func List(ctx context.Context, client dynamic.Interface) ([]v1alpha1.Tenant, error) {
	tenants, err := listIn(ctx, client, metav1.NamespaceAll)
	sortTenants(tenants)

	return tenants, err
}

func listIn(ctx context.Context, client dynamic.Interface, namespace string) ([]v1alpha1.Tenant, error) {
	resource := client.Resource(v1alpha1.GroupVersion.WithResource(v1alpha1.TenantPlural))

	found, err := resource.Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}

	tenants := make([]v1alpha1.Tenant, len(found.Items))
	for i := range found.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Items[i].Object, &tenants[i]); err != nil {
			return nil, fmt.Errorf("read tenant %s/%s: %w", found.Items[i].GetNamespace(), found.Items[i].GetName(), err)
		}
	}

	return tenants, nil
}

func sortTenants(tenants []v1alpha1.Tenant) {
	slices.SortFunc(tenants, func(a, b v1alpha1.Tenant) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// UnknownTenantError says that no tenant, or more than one, is meant by a word.
type UnknownTenantError struct {
	Word string
	// Namespaces are those of the tenants that the word may mean, sorted. Empty: there is none.
	Namespaces []string
	// Below is the namespace of the tenant below which alone tenants were seen. Empty: all were.
	Below string
}

func (e *UnknownTenantError) Error() string {
	switch {
	case len(e.Namespaces) == 0 && e.Below != "":
		return fmt.Sprintf("no tenant that you may see is called %q, and none of them has this namespace", e.Word)
	case len(e.Namespaces) == 0:
		return fmt.Sprintf("no tenant is called %q, and none has this namespace", e.Word)
	}

	return fmt.Sprintf("%d tenants are called %q: %s", len(e.Namespaces), e.Word, strings.Join(e.Namespaces, ", "))
}

// Hint is the next step.
func (e *UnknownTenantError) Hint() string {
	switch {
	case len(e.Namespaces) == 0 && e.Below != "":
		return "you see the tenants below " + e.Below + ", and name that one itself by its namespace; for others it takes a level there or above"
	case len(e.Namespaces) == 0:
		return "look at the tenants with: cozy-install tenant tree"
	}

	return "name the tenant by its namespace"
}

// Find is the tenant that a word means: its namespace, its path from the root such as root/alpha/beta, or its name where only
// one tenant has it. The error is an *UnknownTenantError.
func Find(tenants []v1alpha1.Tenant, word string) (*v1alpha1.Tenant, error) {
	byNamespace := make(map[string]*v1alpha1.Tenant, len(tenants))

	for i := range tenants {
		if namespace := tenants[i].Status.Namespace; namespace != "" {
			byNamespace[namespace] = &tenants[i]
		}
	}

	if found := byNamespace[word]; found != nil {
		return found, nil
	}

	unknown := &UnknownTenantError{Word: word}

	var last *v1alpha1.Tenant

	for i := range tenants {
		one := &tenants[i]
		if path := pathOf(one, byNamespace); one.Name == word || (path != "" && path == word) {
			last = one
			unknown.Namespaces = append(unknown.Namespaces, cmp.Or(one.Status.Namespace, one.Name+" in "+one.Namespace))
		}
	}

	if len(unknown.Namespaces) == 1 {
		return last, nil
	}

	slices.Sort(unknown.Namespaces)

	return nil, unknown
}

// pathOf is the names from the root down, joined by slashes. It follows the objects, and takes no name apart. A tenant whose
// parents are not all known has no path.
func pathOf(t *v1alpha1.Tenant, byNamespace map[string]*v1alpha1.Tenant) string {
	path := t.Name

	for range len(byNamespace) {
		if t.Name == tenant.RootName && t.Namespace == tenant.RootNamespace {
			return path
		}

		if t = byNamespace[t.Namespace]; t == nil {
			return ""
		}

		path = t.Name + "/" + path
	}

	return ""
}
