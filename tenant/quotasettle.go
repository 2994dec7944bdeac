// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// hangBelow counts what a tenant holds as given by its parent before anybody is settled: an older tenant that asks for more gets
// nothing that a younger one already has. Of one that is refused it stays given: what was made for it uses that.
func (n *node) hangBelow(parent *node) {
	n.parent = parent
	parent.children = append(parent.children, n)

	if n.hasBounds() {
		parent.give(n.Holds, +1)
	}
}

// hasBounds says whether Holds counts: the tenant was accepted at some time, whatever became of it since.
func (n *node) hasBounds() bool { return n.IsSettled || n.WasSettled }

// give adds to, or takes from, what the tenants right below were given.
func (n *node) give(bounds Bounds, sign int) {
	for key, amount := range bounds {
		if n.given == nil {
			n.given = Bounds{}
		}

		sum := n.given[key].DeepCopy()
		if sign > 0 {
			sum.Add(amount)
		} else {
			sum.Sub(amount)
		}

		n.given[key] = sum
	}
}

// agreeQuota decides which bounds hold for the tenant: those it asks for where they fit, else those it held before. A tenant
// that held none before is refused.
func (n *node) agreeQuota() (Quota, *Refusal) {
	declined := n.overBounds()

	switch {
	case declined == nil:
		return Quota{Bounds: n.Bounds}, nil
	case n.hasBounds():
		return Quota{Bounds: n.Holds, Declined: declined}, nil
	}

	return Quota{}, declined
}

// takeQuota takes what was agreed out of the parent's.
func (n *node) takeQuota(agreed Quota) {
	n.resolved.Quota = agreed

	if n.parent == nil {
		return
	}

	if n.hasBounds() {
		n.parent.give(n.Holds, -1)
	}

	n.parent.give(agreed.Bounds, +1)
}

// overBounds says why the bounds that the spec asks for can't hold.
func (n *node) overBounds() *Refusal {
	if refusal := checkBounds(n.Bounds); refusal != nil {
		return refusal
	}

	if n.parent != nil {
		above := n.parent.resolved.Quota.Bounds
		for _, key := range slices.Sorted(maps.Keys(above)) {
			if refusal := n.overBound(key, above[key]); refusal != nil {
				return refusal
			}
		}
	}

	for _, key := range slices.Sorted(maps.Keys(n.Bounds)) {
		if refusal := n.belowGiven(key, n.Bounds[key]); refusal != nil {
			return refusal
		}
	}

	return nil
}

// overBound compares one of the tenant's bounds with what is left of the parent's: neither given to another nor used in the parent's
// own namespace.
func (n *node) overBound(key string, above resource.Quantity) *Refusal {
	wanted, isDeclared := n.Bounds[key]
	if !isDeclared {
		return &Refusal{
			Reason: QuotaMissing, Field: quotaField(key), Rule: "the tenant above bounds " + key + ", so each tenant right below it must say how much of it it takes",
			hint: "set " + quotaField(key),
		}
	}

	held, _ := n.holds(key)
	if wanted.Cmp(held) <= 0 {
		return nil // it takes nothing more, however much is used above by now
	}

	left := above.DeepCopy()
	left.Sub(n.parent.given[key])

	free := left.DeepCopy()
	free.Sub(n.parent.Uses[key])
	free.Add(held)

	if wanted.Cmp(free) <= 0 {
		return nil
	}

	return &Refusal{
		Reason: QuotaExceeded, Field: quotaField(key), Value: wanted.String(), Rule: n.saysLeft(key, left),
		hint: "ask for less, or have the bound of the tenant above raised",
	}
}

// holds is the bound that the tenant had when it was last accepted. Zero: none.
func (n *node) holds(key string) (held resource.Quantity, isHeld bool) {
	if n.hasBounds() {
		held, isHeld = n.Holds[key]
	}

	return held, isHeld
}

// saysLeft tells what was not given of the parent's bound, beside that what the tenant has already, and what the parent uses
// of it itself.
func (n *node) saysLeft(key string, left resource.Quantity) string {
	if left.Sign() < 0 {
		left = resource.Quantity{Format: left.Format}
	}

	said := left.String() + " is left of what the tenant above may use"
	if held, isHeld := n.holds(key); isHeld {
		said += ", beside the " + held.String() + " that it has"
	}

	if used := n.parent.Uses[key]; !used.IsZero() {
		said += ", and the tenant above uses " + used.String() + " of it itself"
	}

	return said
}

// boundHint says how a tenant gets a bound that the one above wants it to have.
func (n *node) boundHint() string {
	if !n.IsSettled { // what it has stays until then, whatever it asks for
		return "mend what tenant " + n.Name + " is refused for, or delete it; its condition Accepted says why"
	}

	return "give each tenant right below a bound first"
}

// belowGiven says whether a bound that is new or lowered is less than what the tenant uses itself and has given to those below.
func (n *node) belowGiven(key string, bound resource.Quantity) *Refusal {
	if held, isHeld := n.holds(key); isHeld && bound.Cmp(held) >= 0 {
		return nil // that more is used than it allows is not what the spec asks for
	}

	for _, child := range n.children {
		if _, isBounded := child.Holds[key]; child.hasBounds() && !isBounded {
			return &Refusal{
				Reason: QuotaBelowUse, Field: quotaField(key), Value: bound.String(),
				Rule: fmt.Sprintf("tenant %s below it has no bound of %s", child.Name, key),
				hint: child.boundHint(),
			}
		}
	}

	needed := n.given[key].DeepCopy()
	needed.Add(n.Uses[key])

	if bound.Cmp(needed) >= 0 {
		return nil
	}

	given, used := n.given[key], n.Uses[key]
	if used.IsZero() {
		return &Refusal{
			Reason: QuotaBelowUse, Field: quotaField(key), Value: bound.String(), Rule: given.String() + " is given to the tenants below",
			hint: "lower their bounds first",
		}
	}

	return &Refusal{
		Reason: QuotaBelowUse, Field: quotaField(key), Value: bound.String(),
		Rule: fmt.Sprintf("%s is used in its own namespace and %s is given to the tenants below", used.String(), given.String()),
		hint: "free some of it first, or lower the bounds of the tenants below",
	}
}

// closeQuota fills in what is known when every tenant below was settled.
func (n *node) closeQuota() {
	quota := &n.resolved.Quota
	if len(quota.Bounds) == 0 {
		return
	}

	quota.Given = n.givenOf(quota.Bounds)

	for key, bound := range quota.Bounds {
		if given := n.given[key]; given.Cmp(bound) > 0 {
			quota.Overdrawn = append(quota.Overdrawn, key)
		}
	}

	slices.Sort(quota.Overdrawn)
}

// givenOf is what the tenants right below have of each of the bounds.
func (n *node) givenOf(bounds Bounds) Bounds {
	given := make(Bounds, len(bounds))
	for key := range bounds {
		given[key] = n.given[key]
	}

	return given
}

func quotaField(key string) string {
	if strings.ContainsAny(key, "./") {
		return "spec.resourceQuotas[" + key + "]"
	}

	return "spec.resourceQuotas." + key
}
