// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// resolver makes one pass over all tenants for each change, or for many changes that came together.
type resolver struct {
	reader client.Reader
	// kinds are those of applications that are served, and applications a cache of their objects.
	kinds        *kinds
	applications client.Reader
	tree         *tree
	// tenants are reconciled anew where their answer changed.
	tenants *watch.Wakes[reconcile.Request]
	metrics *metrics
}

// Reconcile resolves the tree and hands out the tenants whose answer changed. The request says nothing.
func (r *resolver) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	defer r.metrics.passed(time.Now())

	var tenants v1alpha1.TenantList
	if err := r.reader.List(ctx, &tenants); err != nil {
		return reconcile.Result{}, fmt.Errorf("list tenants: %w", err)
	}

	var quotas corev1.ResourceQuotaList
	if err := r.reader.List(ctx, &quotas, client.MatchingLabels(ManagedLabels())); err != nil {
		return reconcile.Result{}, fmt.Errorf("list the quotas of tenants: %w", err)
	}

	said, err := applicationUses(ctx, r.kinds, r.applications)
	if err != nil {
		return reconcile.Result{}, err
	}

	if len(said.unread) > 0 {
		if err := r.hold(ctx, tenants.Items, said); err != nil {
			return reconcile.Result{}, err
		}
	}

	entries := resolve(tenants.Items, quotas.Items, said.uses, said.etcds, r.tree)
	isNew := r.tree.replaceHosts(heldHosts(tenants.Items, entries))

	r.tenants.Add(requests(r.tree.replace(entries))...)

	if isNew {
		root := types.NamespacedName{Namespace: tenant.RootNamespace, Name: tenant.RootName}
		r.tenants.AddAfter(hostsDelay, reconcile.Request{NamespacedName: root})
	}

	return reconcile.Result{}, nil
}

// resolve applies the rules to the objects, given what the last pass said.
func resolve(
	tenants []v1alpha1.Tenant, quotas []corev1.ResourceQuota, used map[string][]tenant.Usage, etcds map[string]bool, last *tree,
) map[types.NamespacedName]entry {
	input := make([]tenant.Tenant, len(tenants))
	children := map[string]int{}
	counted := quotasByNamespace(quotas)

	for i := range tenants {
		input[i] = rulesInput(&tenants[i])
		remember(&input[i], &tenants[i], last)

		namespace := tenant.RootNamespace // by the rules, as the status may not say it yet
		if !input[i].IsRoot() {
			namespace = tenant.Namespace(tenants[i].Namespace, tenants[i].Name)
		}

		input[i].Uses = countedFor(counted[namespace], input[i].Bounds, input[i].Holds)
		input[i].Applications, input[i].EtcdStays = used[namespace], etcds[namespace]

		if !input[i].IsRoot() {
			children[tenants[i].Namespace]++
		}
	}

	accepted, refused := tenant.Resolve(input)
	entries := make(map[types.NamespacedName]entry, len(tenants))

	for _, resolved := range accepted {
		entries[resolved.Tenant] = entry{resolved: resolved}
	}

	for _, refusal := range refused {
		entries[refusal.Tenant] = entry{refusal: refusal}
	}

	for i := range tenants {
		t := &tenants[i]
		one := entries[client.ObjectKeyFromObject(t)]
		one.uid, one.generation, one.isDeleting = t.UID, t.Generation, !t.DeletionTimestamp.IsZero()
		one.children = children[cmp.Or(one.namespace(), t.Status.Namespace)]

		entries[client.ObjectKeyFromObject(t)] = one
	}

	return entries
}

// remember fills in whether the tenant was accepted when last looked at, and with which bounds and host, or which bounds it has from
// an earlier time: by the last pass, whose answer the cache may not show yet, or, in the first pass of a process, by what the status
// says. It has a namespace from when the tenant was first accepted.
func remember(input *tenant.Tenant, t *v1alpha1.Tenant, last *tree) {
	known, isKnown := last.get(client.ObjectKeyFromObject(t))
	if isKnown && known.uid == t.UID {
		input.IsSettled, input.Holds, input.HoldsHost = known.refusal == nil, known.resolved.Quota.Bounds, known.resolved.Host

		if !input.IsSettled && known.refusal.Holds != nil {
			input.WasSettled, input.Holds = true, known.refusal.Holds.Bounds
		}

		return
	}

	if t.Status.Quota != nil {
		input.Holds = t.Status.Quota.Bounds
	}

	input.IsSettled, input.HoldsHost = meta.IsStatusConditionTrue(t.Status.Conditions, v1alpha1.ConditionAccepted), t.Status.Host
	input.WasSettled = !input.IsSettled && t.Status.Namespace != ""
}

// rulesInput is what the rules need to know of an object alone.
func rulesInput(t *v1alpha1.Tenant) tenant.Tenant {
	return tenant.Tenant{
		Namespace:       t.Namespace,
		Name:            t.Name,
		UID:             t.UID,
		Created:         t.CreationTimestamp.Time,
		Host:            t.Spec.Host,
		Runs:            flagsOf(t.Spec),
		SchedulingClass: t.Spec.SchedulingClass,
		Bounds:          t.Spec.ResourceQuotas,
		IsDeleting:      !t.DeletionTimestamp.IsZero(),
	}
}

func flagsOf(spec v1alpha1.TenantSpec) tenant.Flags {
	return tenant.Flags{
		tenant.Etcd: spec.Etcd, tenant.Monitoring: spec.Monitoring,
		tenant.Ingress: spec.Ingress, tenant.SeaweedFS: spec.SeaweedFS,
	}
}

// movesTheTree lets through what can change an answer. Most updates are of a status, which can not.
func movesTheTree() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() ||
			e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}

// requests ask for tenants to be reconciled.
func requests(keys []types.NamespacedName) []reconcile.Request {
	all := make([]reconcile.Request, len(keys))
	for i, key := range keys {
		all[i].NamespacedName = key
	}

	return all
}
