// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"cmp"
	"slices"
)

// Resolve computes everything that follows from the tree: for each accepted tenant what it resolves to, by its own
// namespace, and a Refusal for each of the others. No two results share a namespace, a host, a group or a release.
//
// The answer does not depend on the order of the tree. No two of its tenants may have the same Namespace and Name, which an
// API server guarantees. It is safe to call concurrently, and takes milliseconds for ten thousand tenants.
//
// Of two tenants that want one host the older has it, where a tenant counts as no older than its parent: that way nobody
// loses a host to a tenant whose right to it comes from an ancestor that is younger. A tenant below one that is refused is
// refused too, as a host it inherited would be the one that was refused.
func Resolve(tree []Tenant) (map[string]Resolved, []*Refusal) {
	reserved := ReservedNames()
	placed, refused := place(tree, reserved)
	slices.SortFunc(placed, compareAge)

	held := newHosts(len(placed), reserved)
	accepted := make(map[string]*node, len(placed))

	for _, n := range placed {
		if refusal := n.settle(held); refusal != nil {
			refused = append(refused, n.refuse(refusal))

			continue
		}

		n.isAccepted = true
		accepted[n.resolved.Namespace] = n
	}

	countDependents(placed, accepted)

	for _, n := range accepted {
		n.closeQuota()
	}

	resolved := make(map[string]Resolved, len(accepted))
	for namespace, n := range accepted {
		resolved[namespace] = n.resolved
	}

	slices.SortFunc(refused, func(a, b *Refusal) int {
		return cmp.Or(cmp.Compare(a.Tenant.Namespace, b.Tenant.Namespace), cmp.Compare(a.Tenant.Name, b.Tenant.Name))
	})

	return resolved, refused
}

// place walks the tree from the root along the pointers of the objects to their parents, and checks names and lengths.
// Parents come before their children.
func place(tree []Tenant, reserved []string) (placed []*node, refused []*Refusal) {
	children := make(map[string][]*node, len(tree))
	nodes := make([]node, len(tree))

	for i := range tree {
		n := &nodes[i]
		n.Tenant = tree[i]

		if n.IsRoot() {
			n.resolved.Namespace = RootNamespace
			n.youngest = n
			placed = append(placed, n)
		} else {
			children[n.Tenant.Namespace] = append(children[n.Tenant.Namespace], n)
		}
	}

	for i := 0; i < len(placed); i++ {
		parent := placed[i]
		for _, n := range children[parent.resolved.Namespace] {
			n.misnamed = checkName(n.Tenant.Namespace, n.Name, reserved)
			if n.misnamed != nil && !n.isStaying() {
				n.hangBelow(parent)
				refused = append(refused, n.refuse(n.misnamed))

				continue
			}

			n.attach(parent)
			placed = append(placed, n)
		}

		delete(children, parent.resolved.Namespace)
	}

	for _, orphans := range children {
		for _, n := range orphans {
			refused = append(refused, n.refuse(&Refusal{
				Reason: ParentMissing, Field: "metadata.namespace", Value: n.Tenant.Namespace,
				Rule: "no tenant has this namespace", hint: "create the tenant in the namespace of its parent, the first ones in " + RootNamespace,
			}))
		}
	}

	return placed, refused
}

// node is a tenant while its tree is resolved.
type node struct {
	Tenant

	parent *node // nil for the root
	// youngest is the youngest of the tenant and its ancestors: its age is what counts.
	youngest *node
	children []*node
	// given is what the tenants right below were given, by the keys of their bounds. Nil: nothing.
	given      Bounds
	resolved   Resolved
	isAccepted bool
	// misnamed refuses it by its name. Nil: nothing does.
	misnamed *Refusal
	// isLeaving says that the tenant or one above it is being deleted.
	isLeaving bool
}

func (n *node) attach(parent *node) {
	n.hangBelow(parent)
	n.isLeaving = n.IsDeleting || parent.isLeaving
	n.resolved.Namespace = Namespace(n.Tenant.Namespace, n.Name)
	n.resolved.Ancestors = append(slices.Clone(parent.resolved.Ancestors), parent.resolved.Namespace)

	n.youngest = parent.youngest
	if compareOwnAge(n, parent.youngest) > 0 {
		n.youngest = n
	}
}

// settle fills in what depends on the parent, which was settled before.
func (n *node) settle(held *hosts) *Refusal {
	if n.misnamed != nil {
		return n.misnamed
	}

	if n.parent != nil && !n.parent.isAccepted {
		return &Refusal{
			Reason: ParentNotAccepted, Field: "metadata.namespace", Value: n.Tenant.Namespace,
			Rule: "the tenant above is not accepted itself", Holder: n.Tenant.Namespace,
			hint: "look at the condition Accepted of the tenant above",
		}
	}

	if n.parent != nil && n.parent.isLeaving && !n.hasBounds() {
		return refuseLate(n.Tenant.Namespace)
	}

	host := n.host()
	if host != "" {
		if refusal := checkHost(host); refusal != nil {
			return refusal
		}
	}

	quota, refusal := n.agreeQuota()
	if refusal != nil {
		return refusal
	}

	if refusal := held.claim(n, host); refusal != nil {
		return refusal
	}

	n.takeQuota(quota)

	n.resolved.Tenant = n.Key()
	n.resolved.Host = host
	n.resolved.SchedulingClass = n.SchedulingClass

	var above *Resolved
	if n.parent != nil {
		above = &n.parent.resolved
		n.resolved.SchedulingClass = cmp.Or(above.SchedulingClass, n.SchedulingClass)
	}

	n.resolved.Services = provisions(n.resolved.Namespace, n.Runs, above)
	n.resolved.StayingEtcd = n.EtcdStays && !n.Runs[Etcd]
	n.keepEtcds()

	return nil
}

// host is what the user set, else <name>.<parent's host>, else nothing.
func (n *node) host() string {
	if n.Host != "" || n.parent == nil || n.parent.resolved.Host == "" {
		return n.Host
	}

	return n.Name + "." + n.parent.resolved.Host
}

func (n *node) isAncestorOf(other *node) bool {
	for other = other.parent; other != nil; other = other.parent {
		if other == n {
			return true
		}
	}

	return false
}

func (n *node) refuse(refusal *Refusal) *Refusal {
	refusal.Tenant = n.Key()
	refusal.Namespace = n.resolved.Namespace

	if n.hasBounds() {
		refusal.Holds = &Quota{Bounds: n.Holds, Given: n.givenOf(n.Holds)}
	}

	return refusal
}

// compareAge orders tenants by the age that counts, parents before children.
func compareAge(a, b *node) int {
	return cmp.Or(
		compareOwnAge(a.youngest, b.youngest),
		cmp.Compare(len(a.resolved.Ancestors), len(b.resolved.Ancestors)),
		compareOwnAge(a, b),
	)
}

// compareOwnAge orders by creation, then by who was accepted before, then by UID. The names decide for objects that were
// never on an API server.
func compareOwnAge(a, b *node) int {
	return cmp.Or(
		a.Created.Compare(b.Created), settledFirst(a.IsSettled, b.IsSettled), cmp.Compare(a.UID, b.UID),
		cmp.Compare(a.Tenant.Namespace, b.Tenant.Namespace), cmp.Compare(a.Name, b.Name),
	)
}

func settledFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}

	return 1
}
