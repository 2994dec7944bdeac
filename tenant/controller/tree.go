// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// entry is what the last pass over the tree found out about one tenant, and about which state of its object.
type entry struct {
	uid        types.UID
	generation int64
	isDeleting bool
	// children is how many Tenants live in the tenant's namespace, accepted or not.
	children int
	// resolved is zero if the tenant is refused.
	resolved tenant.Resolved
	// refusal is nil if the tenant is accepted.
	refusal *tenant.Refusal
}

// describes says whether the entry was found out about the object as it is now. If not, the resolver has yet to see the
// object's last change, and will hand the tenant out again.
func (e entry) describes(t *v1alpha1.Tenant) bool {
	return e.uid == t.UID && e.generation == t.Generation && e.isDeleting == !t.DeletionTimestamp.IsZero()
}

// namespace is the one the tenant has or, if it is refused, would have. Empty if its name or place gives none.
func (e entry) namespace() string {
	if e.refusal != nil {
		return e.refusal.Namespace
	}

	return e.resolved.Namespace
}

// says whether both say the same, however amounts are written. Refusals are compared by themselves: apimachinery's comparison
// does not look into types that hide fields.
func (e entry) says(other entry) bool {
	declined, otherDeclined := e.resolved.Quota.Declined, other.resolved.Quota.Declined
	e.resolved.Quota.Declined, other.resolved.Quota.Declined = nil, nil

	refusal, holds := apart(e.refusal)
	otherRefusal, otherHolds := apart(other.refusal)

	return e.uid == other.uid && e.generation == other.generation && e.isDeleting == other.isDeleting && e.children == other.children &&
		equality.Semantic.DeepEqual(e.resolved, other.resolved) && equality.Semantic.DeepEqual(holds, otherHolds) &&
		reflect.DeepEqual(refusal, otherRefusal) && reflect.DeepEqual(declined, otherDeclined)
}

// apart takes the amounts, which can be written in several ways, out of a refusal. Nil: there is none.
func apart(refusal *tenant.Refusal) (rest *tenant.Refusal, holds *tenant.Quota) {
	if refusal == nil {
		return nil, nil
	}

	without := *refusal
	without.Holds = nil

	return &without, refusal.Holds
}

// tree is the last pass's result. The zero value is empty. It is safe for concurrent use.
type tree struct {
	mu         sync.RWMutex
	entries    map[types.NamespacedName]entry
	namespaces map[string]types.NamespacedName // computed namespace -> its tenant
	awaited    map[string]bool                 // namespaces in which tenants wait until less is used
	hosts      []v1alpha1.HeldHost             // for admission, by host
	listeners  []func(namespaces []string)     // see Tenants.Listen
}

func (t *tree) get(key types.NamespacedName) (entry, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()

	found, isKnown := t.entries[key]

	return found, isKnown
}

// deleting is the tenant with this namespace, if it is being deleted.
func (t *tree) deleting(namespace string) (types.NamespacedName, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()

	key := t.namespaces[namespace]

	return key, t.entries[key].isDeleting
}

// replace takes a new result, tells who listens, and returns the tenants for which it says something new, those nearer to the
// root first.
func (t *tree) replace(entries map[types.NamespacedName]entry) []types.NamespacedName {
	before, changed, listeners := t.take(entries)

	var namespaces []string
	if before != nil {
		namespaces = moved(before, entries, changed)
	}

	if before == nil || len(namespaces) > 0 {
		for _, heard := range listeners {
			heard(namespaces)
		}
	}

	return changed
}

// take is the part of replace that nobody may watch.
func (t *tree) take(entries map[types.NamespacedName]entry) (
	before map[types.NamespacedName]entry, changed []types.NamespacedName, listeners []func([]string),
) {
	t.mu.Lock()
	defer t.mu.Unlock()

	namespaces := make(map[string]types.NamespacedName, len(entries))
	awaited := map[string]bool{}

	for key, now := range entries {
		for _, namespace := range now.awaits(key) {
			awaited[namespace] = true
		}

		if namespace := now.namespace(); namespace != "" {
			namespaces[namespace] = key
		}

		if was, isKnown := t.entries[key]; !isKnown || !was.says(now) {
			changed = append(changed, key)
		}
	}

	slices.SortFunc(changed, func(a, b types.NamespacedName) int {
		return cmp.Or(
			cmp.Compare(entries[a].resolved.Level(), entries[b].resolved.Level()),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
		)
	})

	before = t.entries
	t.entries, t.namespaces, t.awaited = entries, namespaces, awaited

	return before, changed, slices.Clone(t.listeners)
}

// tenantsOf finds the tenants that care for a namespace: the one whose namespace it is by the rules, also where somebody
// else's stands in its place, and the one it was made for, also where that one has lost its place in the tree. And those who
// wait until it no longer uses what they ran: a watch tells of it as it was, too.
func (t *tree) tenantsOf(_ context.Context, namespace client.Object) []reconcile.Request {
	t.mu.RLock()
	key, isKnown := t.namespaces[namespace.GetName()]
	t.mu.RUnlock()

	var requests []reconcile.Request
	if isKnown {
		requests = append(requests, reconcile.Request{NamespacedName: key})
	}

	if marked, isMarked := markedTenant(namespace); isMarked && marked != key {
		requests = append(requests, reconcile.Request{NamespacedName: marked})
	}

	for _, provider := range t.stopping(labelled(namespace)...) {
		requests = append(requests, reconcile.Request{NamespacedName: provider})
	}

	return requests
}
