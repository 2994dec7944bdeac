// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// reasonCiliumMissing is that of PoliciesReady where Cilium is said to enforce policies and its kinds are not there.
const reasonCiliumMissing = "CiliumMissing"

// ensurePolicies isolates the tenant's network, with what the cluster enforces.
func (r *reconciler) ensurePolicies(ctx context.Context, _ *v1alpha1.Tenant, resolved tenant.Resolved) (step, error) {
	if r.site == nil {
		return step{
			reason:  "SiteUnknown",
			message: "nothing isolates the tenant's network: cozy-controller runs without --site, and does not know what to isolate it from",
		}, nil
	}

	switch r.site.Enforces {
	case policy.EnforcesCilium:
		return r.ensureCilium(ctx, resolved)
	case policy.EnforcesKubernetes:
		return r.ensureNetworkPolicies(ctx, resolved)
	case policy.EnforcesNothing:
	}

	return step{
		reason: "NotEnforced", message: "nothing isolates the tenant's network: this cluster enforces no network policies",
	}, nil
}

// ensureCilium keeps the constant policy, whichever tenant's turn it is, the tenant's own, and that of the services it runs.
func (r *reconciler) ensureCilium(ctx context.Context, resolved tenant.Resolved) (step, error) {
	if err := r.ciliums.learn(ctx); err != nil {
		return step{}, err
	}

	for _, object := range []client.Object{r.site.CiliumCluster(), policy.CiliumTenant(resolved)} {
		kind := object.GetObjectKind().GroupVersionKind()

		switch {
		case r.ciliums.isUnread(kind):
			return step{reason: reasonKindNotRead, message: "nobody knows what isolates the tenant's network: " + unreadObjects(kind.Kind)}, nil
		case !r.ciliums.serves(kind):
			return step{
				reason: reasonCiliumMissing, message: fmt.Sprintf("nothing isolates the tenant's network: the cluster has no %s, of which "+
					"--site says that Cilium enforces it; it is looked at again when the cluster has it", kind.Kind),
			}, nil
		}

		if err := r.keep(ctx, object); err != nil {
			return step{}, err
		}
	}

	if err := r.ensureCiliumServices(ctx, resolved); err != nil {
		return step{}, err
	}

	return step{isDone: true, reason: v1alpha1.ConditionPoliciesReady}, nil
}

// ensureCiliumServices keeps the policy of the services that the tenant runs, or drops it where it runs none any more.
func (r *reconciler) ensureCiliumServices(ctx context.Context, resolved tenant.Resolved) error {
	services, isNeeded := policy.CiliumServices(resolved)
	if !isNeeded {
		return r.drop(ctx, services)
	}

	owners, err := r.ownedByNamespace(ctx, resolved.Namespace)
	if err != nil {
		return err
	}

	services.SetOwnerReferences(owners)

	return r.keep(ctx, services)
}

// ensureNetworkPolicies keeps the tenant's policies, drops those of services that it no longer has, and says what they lack.
func (r *reconciler) ensureNetworkPolicies(ctx context.Context, resolved tenant.Resolved) (step, error) {
	unwanted := policy.KubernetesNames()

	for _, object := range r.site.Kubernetes(resolved) {
		unwanted = slices.DeleteFunc(unwanted, func(name string) bool { return name == object.Name })

		if err := r.keep(ctx, object); err != nil {
			return step{}, err
		}
	}

	for _, name := range unwanted {
		object := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: resolved.Namespace, Name: name}}
		if err := r.drop(ctx, object); err != nil {
			return step{}, err
		}
	}

	var gaps []string
	for _, gap := range r.site.Gaps() {
		gaps = append(gaps, gap.Why)
	}

	return step{isDone: true, reason: "Partial", message: "NetworkPolicy isolates the tenant, but for what it can't express: " +
		strings.Join(gaps, "; ")}, nil
}
