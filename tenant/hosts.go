// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"net/netip"
	"slices"
	"strings"
)

// The bounds of a DNS name: RFC 1035 section 2.3.4.
const (
	maxHost  = 253
	maxLabel = 63
)

const hostHint = "choose a host like team1.example.org, or leave spec.host empty to get <name>.<parent's host>"

// CheckHost says whether a host is a DNS name: nil, or a *Refusal. Whether it is free, only Resolve can say.
func CheckHost(host string) error {
	if refusal := checkHost(host); refusal != nil {
		return refusal
	}

	return nil
}

func checkHost(host string) *Refusal {
	refuse := func(rule string) *Refusal {
		return &Refusal{Reason: HostInvalid, Field: "spec.host", Value: host, Rule: rule, hint: hostHint}
	}

	if len(host) > maxHost {
		return refuse("a host has at most 253 characters")
	}

	if _, err := netip.ParseAddr(host); err == nil {
		return refuse("a host is a DNS name, not an address")
	}

	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return refuse("a host is a DNS name: labels of lower-case letters, digits and inner dashes, " +
				"at most 63 characters each, joined by dots")
		}
	}

	return nil
}

func isLabel(label string) bool {
	if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}

	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}

	return true
}

// hosts remembers who holds which host while a tree is resolved, ancestors before descendants and else the older first.
type hosts struct {
	holders map[string]*node
	// below has, for each host above one that is held, some holder below it. One is enough: tenants are taken parents
	// first, so when a tenant claims a host, whoever holds one below it is no descendant.
	below    map[string]*node
	reserved []string // sorted
}

func newHosts(size int, reserved []string) *hosts {
	return &hosts{holders: make(map[string]*node, size), below: make(map[string]*node, size), reserved: reserved}
}

// claim gives a tenant its host, or says who has it. An empty host is held by nobody.
//
// A host is free where its owner, the holder of the host itself or of its longest dot-suffix, is nobody or an ancestor, and
// where no other tenant holds a host below it. A host equal to an ancestor's is taken: two tenants never share one.
func (h *hosts) claim(n *node, host string) *Refusal {
	if host == "" {
		return nil
	}

	if holder := h.holders[host]; holder != nil {
		return n.taken(host, "this host is taken", holder)
	}

	if holder := h.below[host]; holder != nil {
		return n.taken(host, "another tenant holds a host below this one", holder)
	}

	if owner, label := h.owner(host); owner != nil {
		if !owner.isAncestorOf(n) {
			return n.taken(host, "this host lies below the host of a tenant that is no ancestor", owner)
		}

		if refusal := h.checkLabel(n, host, label); refusal != nil {
			return refusal
		}
	}

	h.holders[host] = n
	for above := range suffixes(host) {
		if h.below[above] == nil {
			h.below[above] = n
		}
	}

	return nil
}

// checkLabel says for what the label right below an ancestor's host is kept. The host of an application there has the prefix of
// its kind, and so a dash (application.Check); the name of a tenant has none. Who has such a host from before this rule keeps it.
func (h *hosts) checkLabel(n *node, host, label string) *Refusal {
	refuse := func(rule string) *Refusal {
		return &Refusal{
			Reason: HostReserved, Field: "spec.host", Value: host, hint: hostHint, Rule: label + " below the host of a tenant is " + rule,
		}
	}

	if _, isReserved := slices.BinarySearch(h.reserved, label); isReserved {
		return refuse("reserved for the platform")
	}

	if strings.Contains(label, "-") && (!n.IsSettled || n.HoldsHost != host) {
		return refuse("kept for an application there, as all labels with a dash are")
	}

	return nil
}

// owner is the holder of the longest dot-suffix of a host that nobody holds itself, and the label directly below that
// suffix: of s3.b.example.org where b.example.org is held, its holder and s3.
func (h *hosts) owner(host string) (owner *node, label string) {
	rest := host
	for above := range suffixes(host) {
		if holder := h.holders[above]; holder != nil {
			label, _, _ = strings.Cut(rest, ".")

			return holder, label
		}

		rest = above
	}

	return nil, ""
}

// suffixes yields what is left of a host as labels are taken off its front, the longest first: a.b.org -> b.org, org.
func suffixes(host string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, above, hasMore := strings.Cut(host, ".")
			if !hasMore || !yield(above) {
				return
			}

			host = above
		}
	}
}

func (n *node) taken(host, rule string, holder *node) *Refusal {
	return &Refusal{
		Reason: HostTaken, Field: "spec.host", Value: host, Rule: rule, Holder: holder.resolved.Namespace,
		hint: "choose another host: of two tenants that want one, the older has it",
	}
}
