// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// Dependents are all that depend on the services which a tenant runs itself, by service: tenants by their namespaces, then
// applications as <namespace>/<kind>/<name>, sorted. Only services with more dependents than the tenant's status names are asked
// for, since it takes a list of every application in the cluster. Nil where that is forbidden, as to a tenant's administrator: the
// status has the first ones.
func Dependents(
	ctx context.Context, typed kubernetes.Interface, client dynamic.Interface, tenants []v1alpha1.Tenant, t *v1alpha1.Tenant,
) (map[string][]string, error) {
	all := map[string][]string{}

	for name, service := range t.Status.Services.All() {
		if d := service.Dependents; d != nil && int(d.Count) > len(d.First) {
			all[name] = inheritors(tenants, name, service.Namespace)
		}
	}

	if len(all) == 0 {
		return nil, nil
	}

	err := eachOrdered(ctx, typed, client, nil, func(kind string, object *unstructured.Unstructured) {
		uses, _, _ := unstructured.NestedStringMap(object.Object, "status", "services")
		for name := range all {
			if uses[name] == t.Status.Namespace && uses[name] != "" {
				all[name] = append(all[name], object.GetNamespace()+"/"+kind+"/"+object.GetName())
			}
		}
	})

	switch {
	case apierrors.IsForbidden(err):
		return nil, nil
	case err != nil:
		return nil, err
	}

	return all, nil
}

// inheritors are the namespaces of the tenants that have a service from another.
func inheritors(tenants []v1alpha1.Tenant, name, provider string) []string {
	var namespaces []string

	for i := range tenants {
		for one, service := range tenants[i].Status.Services.All() {
			if one == name && service.Source == string(tenant.Inherited) && service.Namespace == provider {
				namespaces = append(namespaces, tenants[i].Status.Namespace)
			}
		}
	}

	slices.Sort(namespaces)

	return namespaces
}

// eachOrdered passes over every object of apps.cozystack.io that somebody ordered: applications and cluster services. Who may not list
// them all sees those in the namespaces.
func eachOrdered(
	ctx context.Context, typed kubernetes.Interface, client dynamic.Interface, namespaces []string,
	see func(kind string, object *unstructured.Unstructured),
) error {
	kinds, err := kindsOf(typed)
	if err != nil {
		return err
	}

	for _, resource := range kinds {
		all := client.Resource(v1alpha1.GroupVersion.WithResource(resource.Name))

		err := inEach(namespaces, func(namespace string) error {
			list, err := all.Namespace(namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return fmt.Errorf("list %s: %w", resource.Name, err)
			}

			for i := range list.Items {
				see(resource.Kind, &list.Items[i])
			}

			return nil
		})
		if err != nil {
			return err
		}
	}

	return nil
}
