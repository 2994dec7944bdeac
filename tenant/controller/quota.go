// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// quotaName is the name of the ResourceQuota and of the LimitRange in a tenant's namespace.
const quotaName = "tenant-quota"

// ensureQuota keeps what the tenant's own namespace may use, and what a container gets that asks for nothing: with a quota
// Kubernetes refuses pods without requests and limits. Beside it lies what admission is to know of tenants made there.
func (r *reconciler) ensureQuota(ctx context.Context, _ *v1alpha1.Tenant, resolved tenant.Resolved) (step, error) {
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: resolved.Namespace, Name: quotaName}}
	limits := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: resolved.Namespace, Name: quotaName}}

	quota.Spec.Hard = resourceList(resolved.Quota.Own().Hard())
	if item := defaultLimits(resolved.Quota.Bounds); item != nil {
		limits.Spec.Limits = []corev1.LimitRangeItem{*item}
	}

	admission := &v1alpha1.TenantLimits{
		ObjectMeta: metav1.ObjectMeta{Namespace: resolved.Namespace, Name: v1alpha1.TenantLimitsName}, Spec: r.limits(resolved),
	}

	for _, one := range []struct {
		object   client.Object
		isWanted bool
	}{
		{quota, len(quota.Spec.Hard) > 0},
		{limits, len(limits.Spec.Limits) > 0},
		{admission, len(admission.Spec.Left)+len(admission.Spec.Hosts) > 0},
	} {
		bring := r.drop
		if one.isWanted {
			bring = r.keep
		}

		if err := bring(ctx, one.object); err != nil {
			return step{}, err
		}
	}

	return quotaStep(resolved.Quota), nil
}

// quotaStep says whether the bounds that the spec asks for hold.
func quotaStep(quota tenant.Quota) step {
	switch declined := quota.Declined; {
	case declined != nil:
		return step{reason: string(declined.Reason), message: fmt.Sprintf("the bounds from before hold: %s (%s)", declined.Error(), declined.Hint())}
	case len(quota.Overdrawn) > 0:
		return step{reason: "QuotaOverdrawn", message: fmt.Sprintf("more was given to the tenants below than the bound allows: %s; lower theirs",
			strings.Join(quota.Overdrawn, ", "))}
	}

	return step{isDone: true, reason: v1alpha1.ConditionQuotaReady}
}

// defaultLimits is what a container gets that says nothing, of each resource that a quota counts by containers. Nil: nothing
// is bounded that containers must ask for.
func defaultLimits(bounds tenant.Bounds) *corev1.LimitRangeItem {
	defaults := []struct {
		name           corev1.ResourceName
		request, limit string
	}{
		{corev1.ResourceCPU, "25m", "250m"},
		{corev1.ResourceMemory, "128Mi", "128Mi"},
		{corev1.ResourceEphemeralStorage, "50Mi", "2Gi"},
	}

	hard := bounds.Hard()
	item := &corev1.LimitRangeItem{
		Type: corev1.LimitTypeContainer, Default: corev1.ResourceList{}, DefaultRequest: corev1.ResourceList{},
	}

	for _, one := range defaults {
		_, boundsRequests := hard["requests."+string(one.name)]
		_, boundsLimits := hard["limits."+string(one.name)]

		if boundsRequests || boundsLimits {
			item.Default[one.name] = resource.MustParse(one.limit)
			item.DefaultRequest[one.name] = resource.MustParse(one.request)
		}
	}

	if len(item.Default) == 0 {
		return nil
	}

	return item
}

func resourceList(amounts map[string]resource.Quantity) corev1.ResourceList {
	list := make(corev1.ResourceList, len(amounts))
	for name, amount := range amounts {
		list[corev1.ResourceName(name)] = amount
	}

	return list
}

// quotasByNamespace are those that the controller keeps.
func quotasByNamespace(quotas []corev1.ResourceQuota) map[string]*corev1.ResourceQuota {
	all := make(map[string]*corev1.ResourceQuota, len(quotas))

	for i := range quotas {
		if quotas[i].Name == quotaName {
			all[quotas[i].Namespace] = &quotas[i]
		}
	}

	return all
}

// countedFor is what a namespace uses, by its quota, of what any of the bounds bounds. Nil, as without a quota: nothing is counted.
func countedFor(quota *corev1.ResourceQuota, bounds ...tenant.Bounds) tenant.Bounds {
	if quota == nil {
		return nil
	}

	uses := tenant.Bounds{}

	for _, some := range bounds {
		for key := range some {
			for name := range (tenant.Bounds{key: {}}).Hard() {
				used := quota.Status.Used[corev1.ResourceName(name)]
				if known, isThere := uses[key]; !isThere || known.Cmp(used) < 0 {
					uses[key] = used
				}
			}
		}
	}

	return uses
}
