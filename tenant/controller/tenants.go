// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/tenant"
)

// Tenants is what the controller knows of the tree, for those who act on it beside the controller. It is safe for concurrent
// use.
type Tenants struct{ tree *tree }

// NewTenants knows nothing before a controller that was given it runs.
func NewTenants() *Tenants { return &Tenants{tree: &tree{}} }

// IsKnown says whether the tree was looked at. Before that no answer means anything.
func (t *Tenants) IsKnown() bool {
	t.tree.mu.RLock()
	defer t.tree.mu.RUnlock()

	return t.tree.entries != nil
}

// Resolved is what the tenant with that namespace resolves to. False: no accepted tenant has it.
func (t *Tenants) Resolved(namespace string) (tenant.Resolved, bool) {
	t.tree.mu.RLock()
	defer t.tree.mu.RUnlock()

	found, isKnown := t.tree.entries[t.tree.namespaces[namespace]]
	if !isKnown || found.refusal != nil {
		return tenant.Resolved{}, false
	}

	return found.resolved, true
}

// Listen has heard called after each pass over the tree that changed an answer, with the namespaces whose answers changed; nil
// after the first pass, which may have changed that of any namespace. It is called in the pass, and must not block. Call it
// before the controller starts.
func (t *Tenants) Listen(heard func(namespaces []string)) {
	t.tree.mu.Lock()
	defer t.tree.mu.Unlock()

	t.tree.listeners = append(t.tree.listeners, heard)
}

// moved are the namespaces, in order, for which the new entries say something else than those of before.
func moved(before, now map[types.NamespacedName]entry, changed []types.NamespacedName) []string {
	namespaces := map[string]bool{}

	for _, key := range changed {
		namespaces[before[key].namespace()], namespaces[now[key].namespace()] = true, true
	}

	for key, was := range before {
		if _, isThere := now[key]; !isThere {
			namespaces[was.namespace()] = true
		}
	}

	delete(namespaces, "")

	return slices.Sorted(maps.Keys(namespaces))
}
