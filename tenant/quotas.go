// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Bounds are amounts of resources by their keys in a tenant's spec, such as cpu, memory, storage and pods. A key that is not
// there is not bounded.
type Bounds map[string]resource.Quantity

// Quota is how much a tenant and all below it may use together, and what of that is the tenant's own.
type Quota struct {
	// Bounds hold for the tenant and everything below it. Nil: nothing is bounded.
	Bounds Bounds
	// Given is the sum of what the tenants right below were given, of each resource that is bounded here.
	Given Bounds
	// Overdrawn are the resources of which more was given than the bound allows, because the bound was lowered: sorted. The
	// tenants below keep what they have, and the tenant itself may use nothing more.
	Overdrawn []string
	// Declined is why the bounds that the spec asks for do not hold, and those before them do. Nil: they hold.
	Declined *Refusal
}

// Own is what the tenant's own namespace may use: its bounds less what was given, and never less than nothing.
func (q Quota) Own() Bounds {
	own := make(Bounds, len(q.Bounds))

	for key, bound := range q.Bounds {
		bound = bound.DeepCopy()
		bound.Sub(q.Given[key])

		if bound.Sign() < 0 {
			bound = resource.Quantity{Format: bound.Format}
		}

		own[key] = bound
	}

	return own
}

// expansions say which resources of a namespace a key bounds. A key that is not here bounds the resource of its own name.
//
//	cpu: 4      -> requests.cpu: 4, limits.cpu: 4
//	memory: 8Gi -> requests.memory: 8Gi, limits.memory: 8Gi
//	storage: 1T -> requests.storage: 1T
//	pods: 100   -> pods: 100
//	nvidia.com/gpu: 2 -> requests.nvidia.com/gpu: 2
//	gold.storageclass.storage.k8s.io/requests.storage: 1T -> the same
func expansions(key string) []string {
	switch {
	case key == "cpu", key == "memory", key == "ephemeral-storage":
		return []string{"requests." + key, "limits." + key}
	case key == "storage":
		return []string{"requests.storage"}
	case strings.Contains(key, ".storageclass.storage.k8s.io/"), strings.Contains(key, ".deviceclass.resource.k8s.io/"):
		return []string{key}
	case strings.Contains(key, ".") && strings.Contains(key, "/") && !strings.HasPrefix(key, "count/") &&
		!strings.HasPrefix(key, "requests.") && !strings.HasPrefix(key, "limits."):
		// Extended resources are bounded by requests only (kubernetes.io/docs, Resource Quotas, "Quota for extended resources").
		return []string{"requests." + key}
	}

	return []string{key}
}

// Hard is what a ResourceQuota of Kubernetes says for these bounds. Where two keys bound one resource, such as cpu and
// limits.cpu, the smaller holds.
func (b Bounds) Hard() map[string]resource.Quantity {
	hard := make(map[string]resource.Quantity, 2*len(b))

	for _, key := range slices.Sorted(maps.Keys(b)) {
		for _, name := range expansions(key) {
			if before, isThere := hard[name]; !isThere || before.Cmp(b[key]) > 0 {
				hard[name] = b[key].DeepCopy()
			}
		}
	}

	return hard
}
