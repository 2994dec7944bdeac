// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"regexp"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/tenant"
)

// answer is what brute force finds out about a tenant.
type answer struct {
	namespace, host string
	ancestors       []string
	providers       [tenant.ServiceCount]string
}

// bruteForce resolves a tree by the words of the rules, comparing everybody with everybody. It shares nothing with the
// package but its input, its list of reserved names, and the sentence on who counts as older.
func bruteForce(tree []tenant.Tenant) map[string]answer {
	accepted := map[string]answer{}

	for _, path := range byAge(paths(tree)) {
		parents := path[:len(path)-1]
		self := path[len(path)-1]

		above, isAccepted := answer{}, true
		if len(parents) > 0 {
			above, isAccepted = accepted[parents[len(parents)-1].Key().String()]
		}

		host := self.Host
		if host == "" {
			host = self.Name + "." + above.host
		}

		if !isAccepted || !isFree(host, path, accepted) {
			continue
		}

		found := answer{namespace: spell(path), host: host, providers: above.providers}
		for i := range parents {
			found.ancestors = append(found.ancestors, spell(path[:i+1]))
		}

		for service, runs := range self.Runs {
			if runs {
				found.providers[service] = found.namespace
			}
		}

		accepted[self.Key().String()] = found
	}

	return accepted
}

// paths lists the legal tenants as ways from the root.
func paths(tree []tenant.Tenant) [][]tenant.Tenant {
	var found [][]tenant.Tenant

	for _, one := range tree {
		if one.IsRoot() {
			found = append(found, []tenant.Tenant{one})
		}
	}

	for i := 0; i < len(found); i++ {
		for _, one := range tree {
			path := append(slices.Clone(found[i]), one)
			if one.Namespace != spell(found[i]) || one.IsRoot() || slices.Contains(tenant.ReservedNames(), one.Name) {
				continue
			}

			if regexp.MustCompile(`^[a-z][a-z0-9]*$`).MatchString(one.Name) && len(spell(path)) <= 63 {
				found = append(found, path)
			}
		}
	}

	return found
}

// spell writes a path's namespace down, as the table of the rules does.
func spell(path []tenant.Tenant) string {
	if len(path) == 1 {
		return "tenant-root"
	}

	namespace := "tenant"
	for _, one := range path[1:] {
		namespace += "-" + one.Name
	}

	return namespace
}

// byAge sorts by the youngest on the way, then ancestors first, then by own age.
func byAge(all [][]tenant.Tenant) [][]tenant.Tenant {
	older := func(a, b tenant.Tenant) int {
		if order := a.Created.Compare(b.Created); order != 0 {
			return order
		}

		if a.IsSettled != b.IsSettled {
			return map[bool]int{true: -1, false: 1}[a.IsSettled]
		}

		return strings.Compare(string(a.UID), string(b.UID))
	}

	slices.SortStableFunc(all, func(a, b []tenant.Tenant) int {
		if order := older(slices.MaxFunc(a, older), slices.MaxFunc(b, older)); order != 0 {
			return order
		}

		if len(a) != len(b) {
			return len(a) - len(b)
		}

		return older(a[len(a)-1], b[len(b)-1])
	})

	return all
}

// isFree: the owner of a host is the holder of it or of its longest dot-suffix. It must be nobody or an ancestor, nobody
// but descendants may hold a host below, and no two tenants the same. What is right below an ancestor's host and has a dash is an
// application's.
func isFree(host string, path []tenant.Tenant, accepted map[string]answer) bool {
	if regexp.MustCompile(`[^a-z0-9.-]`).MatchString(host) {
		return false
	}

	owner, ownerKey := answer{}, ""

	for key, other := range accepted {
		if other.host == host || strings.HasSuffix(other.host, "."+host) {
			return false
		}

		if strings.HasSuffix(host, "."+other.host) && len(other.host) > len(owner.host) {
			owner, ownerKey = other, key
		}
	}

	if ownerKey == "" {
		return true
	}

	labels := strings.Split(strings.TrimSuffix(host, "."+owner.host), ".")

	self, label := path[len(path)-1], labels[len(labels)-1]

	return slices.ContainsFunc(path, func(one tenant.Tenant) bool { return one.Key().String() == ownerKey }) &&
		!slices.Contains(tenant.ReservedNames(), label) &&
		(!strings.Contains(label, "-") || self.IsSettled && self.HoldsHost == host)
}
