// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// maxUsers bounds the users of a service that a message names.
const maxUsers = 10

// inUse says who still uses a service that was turned off, unless that is forced: admission goes by what a status said, and that
// may be behind, or be of a tenant that was refused meanwhile. Its reason is empty where the service may go.
func (r *reconciler) inUse(ctx context.Context, t *v1alpha1.Tenant, namespace string, service tenant.Service) (step, error) {
	if isNamedIn(t.Annotations[v1alpha1.AnnotationForceDisable], service) {
		return step{}, nil
	}

	users, unread, err := r.usersOf(ctx, namespace, service)

	switch {
	case err != nil:
		return step{}, err
	case len(users) == 0 && len(unread) > 0:
		return step{reason: "UsersUnknown", message: fmt.Sprintf("%s is turned off and stays, as nobody knows who uses it: %s; turn it on again, or "+
			"force it with the annotation %s=%s", service, unreadObjects(unread...), v1alpha1.AnnotationForceDisable, service)}, nil
	case len(users) == 0:
		return step{}, nil
	}

	slices.Sort(users)

	list := firstOf(users, maxUsers)

	return step{reason: "ServiceInUse", message: fmt.Sprintf("%s is turned off and stays, as it is in use: %s; move them first, turn it on "+
		"again, or force it with the annotation %s=%s", service, list, v1alpha1.AnnotationForceDisable, service)}, nil
}

// firstOf lists some of the names, and how many there are beside them.
func firstOf(names []string, most int) string {
	list := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}

	return list
}

// usersOf are the tenants below that are told to use the service of the tenant with a namespace, and the applications in it and
// below that say they do: nobody else can be its dependent. They are named as in tenant.Dependents. And the CRDs whose applications can't be asked.
func (r *reconciler) usersOf(ctx context.Context, provider string, service tenant.Service) (users, unread []string, err error) {
	var within corev1.NamespaceList
	if err := r.client.List(ctx, &within, client.MatchingLabels{tenant.AncestorLabel + provider: ""}); err != nil {
		return nil, nil, fmt.Errorf("list namespaces in and below %s: %w", provider, err)
	}

	said, err := applicationUses(ctx, r.kinds, r.applications)
	if err != nil {
		return nil, nil, err
	}

	for i := range within.Items {
		name := within.Items[i].Name
		if name != provider && within.Items[i].Labels[tenant.ServiceLabel+service.String()] == provider {
			users = append(users, name)
		}

		for _, use := range said.uses[name] {
			if use.Service == service && use.Provider == provider {
				users = append(users, name+"/"+use.Name)
			}
		}
	}

	return users, said.unread, nil
}

// stopping are those of some providers that do not run the service any more, and may wait for its last users.
func (t *tree) stopping(uses ...tenant.Usage) []types.NamespacedName {
	t.mu.RLock()
	defer t.mu.RUnlock()

	var keys []types.NamespacedName

	for _, use := range uses {
		key, isKnown := t.namespaces[use.Provider]
		if isKnown && t.entries[key].resolved.Services[use.Service].Source != tenant.Own && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}

	return keys
}

// labelled are the services that a namespace's labels name.
func labelled(namespace client.Object) []tenant.Usage {
	var uses []tenant.Usage

	for _, service := range tenant.Services() {
		if provider := namespace.GetLabels()[tenant.ServiceLabel+service.String()]; provider != "" && provider != namespace.GetName() {
			uses = append(uses, tenant.Usage{Name: namespace.GetName(), Service: service, Provider: provider})
		}
	}

	return uses
}
