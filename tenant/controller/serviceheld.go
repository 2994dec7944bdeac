// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// hold adds to what applications say what was known of those that can't be read now, so that nobody takes away what they use: who waits
// for their kinds would keep all tenants waiting. After a start only the cluster remembers: the status of who runs a service names its
// first dependents, and labels of namespaces the etcds that are reached from there.
func (r *resolver) hold(ctx context.Context, tenants []v1alpha1.Tenant, said answers) error {
	var namespaces corev1.NamespaceList
	if err := r.reader.List(ctx, &namespaces, client.MatchingLabels(ManagedLabels())); err != nil {
		return fmt.Errorf("list the namespaces of tenants: %w", err)
	}

	for i := range tenants {
		said.holdDependents(tenants[i].Status.Services)
	}

	isRead := slices.Contains(said.read, serviceKind(tenant.Etcd))

	for i := range namespaces.Items {
		for key := range namespaces.Items[i].Labels {
			provider, isEtcd := strings.CutPrefix(key, tenant.EtcdLabel)
			if !isEtcd {
				continue
			}

			said.holdUse(namespaces.Items[i].Name, tenant.Usage{Service: tenant.Etcd, Provider: provider})

			if !isRead {
				said.etcds[provider] = true
			}
		}
	}

	return nil
}

// holdDependents holds the uses of those applications that a status names and that could not be asked.
func (a answers) holdDependents(services *v1alpha1.TenantServices) {
	for name, service := range services.All() {
		if service.Dependents == nil {
			continue
		}

		for _, dependent := range service.Dependents.First {
			namespace, application, isOne := strings.Cut(dependent, "/")
			kind, _, _ := strings.Cut(application, "/")

			if !isOne || slices.Contains(a.read, v1alpha1.GroupVersion.WithKind(kind)) {
				continue
			}

			for _, one := range tenant.Services() {
				if one.String() == name {
					a.holdUse(namespace, tenant.Usage{Name: application, Service: one, Provider: service.Namespace})
				}
			}
		}
	}
}

// holdUse adds a use, unless it is known, or it has no name and somebody's is.
func (a answers) holdUse(namespace string, use tenant.Usage) {
	isKnown := slices.ContainsFunc(a.uses[namespace], func(one tenant.Usage) bool {
		return one.Service == use.Service && one.Provider == use.Provider && (one.Name == use.Name || use.Name == "")
	})

	if !isKnown {
		a.uses[namespace] = append(a.uses[namespace], use)
	}
}
