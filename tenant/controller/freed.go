// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
)

// freedDelay gathers what a busy namespace frees into one pass over the tree. Whoever waits for it waits for people or pods to go
// anyway.
const freedDelay = 2 * time.Second

// onFreed asks for a pass, in a while, where a namespace uses less of its quota than before and a tenant waits for that. Other
// uses change no answer: nobody who was accepted loses its bounds by them.
func (p *passes) onFreed(shared *tree) handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(
		_ context.Context, e event.UpdateEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request],
	) {
		if isFreed(e.ObjectOld, e.ObjectNew) && shared.isAwaited(e.ObjectNew.GetNamespace()) {
			p.wakes.AddAfter(freedDelay, wholeTree())
		}
	}}
}

// isFreed says whether less of anything is used.
func isFreed(was, is client.Object) bool {
	before, wasQuota := was.(*corev1.ResourceQuota)
	after, isQuota := is.(*corev1.ResourceQuota)

	if !wasQuota || !isQuota || after.Name != quotaName {
		return false
	}

	for name, amount := range before.Status.Used {
		if now, isThere := after.Status.Used[name]; isThere && now.Cmp(amount) < 0 {
			return true
		}
	}

	return false
}

// awaits are the namespaces in which the tenant waits until less is used: its own, where it asks for a bound that is too low,
// and that above, where it asks for more than is left.
func (e entry) awaits(key types.NamespacedName) []string {
	declined := e.resolved.Quota.Declined
	if e.refusal != nil {
		declined = e.refusal
	}

	if declined == nil || !slices.Contains([]tenant.Reason{tenant.QuotaExceeded, tenant.QuotaBelowUse}, declined.Reason) {
		return nil
	}

	return []string{key.Namespace, e.namespace()}
}

// isAwaited says whether a tenant waits until less is used in a namespace.
func (t *tree) isAwaited(namespace string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()

	return t.awaited[namespace]
}
