// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// acceptedStatus is what is said of a tenant for which everything was done that can be.
func acceptedStatus(t *v1alpha1.Tenant, resolved tenant.Resolved, ready tenant.Flags, steps []step) v1alpha1.TenantStatus {
	level := int32(resolved.Level())
	status := *t.Status.DeepCopy()
	status.ObservedGeneration = t.Generation
	status.Namespace = resolved.Namespace
	status.Host = resolved.Host
	status.Parent = resolved.Parent()
	status.Level = &level
	status.Services = servicesStatus(resolved, ready)
	status.Quota = quotaStatus(resolved.Quota)

	set(&status, t, v1alpha1.ConditionAccepted, step{isDone: true, reason: "Accepted"})
	for _, taken := range steps {
		set(&status, t, taken.condition, taken)
	}

	set(&status, t, v1alpha1.ConditionReady, readiness(t, resolved, steps))

	return status
}

// readiness is the first thing that keeps a tenant from being used as its spec asks.
func readiness(t *v1alpha1.Tenant, resolved tenant.Resolved, steps []step) step {
	// A cluster that can't enforce all policies says so, and its tenants are used all the same; not so where they were not written.
	unwritten := []string{reasonStepFailed, reasonCiliumMissing, reasonKindNotRead}
	undone := slices.IndexFunc(steps, func(s step) bool {
		return !s.isDone && (s.condition != v1alpha1.ConditionPoliciesReady || slices.Contains(unwritten, s.reason))
	})

	switch {
	case !t.DeletionTimestamp.IsZero():
		return step{reason: "RootCannotBeDeleted", message: "the root tenant can't be deleted: it stays and keeps its namespace; " +
			"to be rid of the mark of deletion, remove the finalizer " + v1alpha1.TenantFinalizer +
			" and create the tenant again with the same spec"}
	case undone >= 0:
		return steps[undone]
	case resolved.Host == "":
		return step{reason: "HostMissing", message: "neither this tenant nor one above it has a host; set spec.host of tenant " +
			tenant.RootName + " in " + tenant.RootNamespace}
	}

	return step{isDone: true, reason: "Ready"}
}

// refusedStatus is what is said of a tenant for which nothing may be made. What was made while it was accepted stays, and
// so do its namespace and place in the status, which others use as a pointer, its bounds, which nobody else gets, and its services,
// whose dependents keep them from being turned off; it holds no host.
func refusedStatus(t *v1alpha1.Tenant, refusal *tenant.Refusal) v1alpha1.TenantStatus {
	status := *t.Status.DeepCopy()
	status.ObservedGeneration = t.Generation
	status.Host = ""

	refused := step{reason: string(refusal.Reason), message: fmt.Sprintf("%s (%s)", refusal.Error(), refusal.Hint())}

	set(&status, t, v1alpha1.ConditionAccepted, refused)
	waits := step{reason: "NotAccepted", message: "nothing is made or changed for a tenant until it is accepted"}

	// A status that was not written yet when it was accepted would not tell of it after a restart.
	if refusal.Holds != nil {
		status.Namespace = cmp.Or(status.Namespace, refusal.Namespace)
		status.Quota = quotaStatus(*refusal.Holds)
		waits.message += "; what it has stays as it is, and counts in the bounds of the tenant above until it is gone"
	}

	set(&status, t, v1alpha1.ConditionNamespaceReady, waits)
	set(&status, t, v1alpha1.ConditionReady, refused)

	return status
}

func set(status *v1alpha1.TenantStatus, t *v1alpha1.Tenant, kind string, s step) {
	state := metav1.ConditionFalse
	if s.isDone {
		state = metav1.ConditionTrue
	}

	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: kind, Status: state, ObservedGeneration: t.Generation, Reason: s.reason, Message: s.message,
	})
}

// servicesStatus tells who provides what, and which of it can be used.
func servicesStatus(resolved tenant.Resolved, ready tenant.Flags) *v1alpha1.TenantServices {
	one := func(service tenant.Service) v1alpha1.TenantService {
		provision := resolved.Services[service]
		status := v1alpha1.TenantService{Source: string(provision.Source), Namespace: provision.Namespace, Ready: ready[service]}

		if provision.Source == tenant.Own {
			status.Dependents = &v1alpha1.Dependents{
				Count: int32(provision.Dependents.Count),
				First: provision.Dependents.First,
			}
		}

		return status
	}

	return &v1alpha1.TenantServices{
		Etcd: one(tenant.Etcd), Monitoring: one(tenant.Monitoring),
		Ingress: one(tenant.Ingress), SeaweedFS: one(tenant.SeaweedFS),
	}
}

// quotaStatus is nil where nothing is bounded.
func quotaStatus(quota tenant.Quota) *v1alpha1.TenantQuota {
	if len(quota.Bounds) == 0 {
		return nil
	}

	return &v1alpha1.TenantQuota{Bounds: quota.Bounds, Given: quota.Given}
}
