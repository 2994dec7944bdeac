// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"fmt"
	"slices"
)

const (
	// RootName is the name of the one tenant without a parent.
	RootName = "root"
	// RootNamespace is its namespace, where its own object lives too.
	RootNamespace = "tenant-root"

	prefix = "tenant-"

	// maxNamespace bounds a namespace, which is a DNS label (RFC 1123), and with it label values and the names of Services.
	maxNamespace = 63
	// maxRelease is Helm's bound: it appends to the release's name to name its Secrets' labels.
	maxRelease = 53
)

// Namespace is the namespace of the tenant with this name whose object lives in parent, the parent's namespace.
//
//	tenant-root, root        -> tenant-root
//	tenant-root, alpha       -> tenant-alpha
//	tenant-alpha, beta       -> tenant-alpha-beta
//	tenant-alpha-beta, gamma -> tenant-alpha-beta-gamma
func Namespace(parent, name string) string {
	if parent == RootNamespace {
		return prefix + name
	}

	return parent + "-" + name
}

// Release is the name of the HelmRelease that may stand for a tenant, in its parent's namespace: alpha -> tenant-alpha.
func Release(name string) string { return prefix + name }

// ReservedNames lists the names no tenant but the root may have, sorted.
func ReservedNames() []string {
	names := []string{
		RootName,
		// Group tenant-a-super-admin would belong to tenant-a (level super-admin) and to tenant-a-super (level admin).
		"super",
		// Labels under which services publish themselves below a tenant's host: <label>.<host>. Those with a dash are no
		// legal names anyway; they are here because spec.host may not take them either.
		"alerta", "api", "cdi-uploadproxy", "dashboard", "grafana", "keycloak", "s3", "vm-exportproxy",
		// The same for a cluster service, whose release has the service's name: <release>.<host>.
		Etcd.String(), Ingress.String(), Monitoring.String(), SeaweedFS.String(),
		// Kamaji (26.3) calls a cluster's keys and user in etcd after its namespace and name with every dash and what is between
		// them made "_": the cluster kubernetes-a of tenant-x, whose release is kubernetes-kubernetes-a, and the cluster a of
		// tenant-x-kubernetes would share them.
		"kubernetes",
	}
	slices.Sort(names)

	return names
}

// Check says whether a tenant with this name may be made in parent, the parent's namespace: nil, or a *Refusal. Whether
// that namespace belongs to a tenant, and whether a host is free, only Resolve can say.
func Check(parent, name string) error {
	if refusal := checkName(parent, name, ReservedNames()); refusal != nil {
		return refusal
	}

	return nil
}

// checkName takes the reserved names sorted, so that a tree of ten thousand builds the list once.
func checkName(parent, name string, reserved []string) *Refusal {
	refuse := func(reason Reason, rule, hint string) *Refusal {
		return &Refusal{Reason: reason, Field: "metadata.name", Value: name, Rule: rule, hint: hint}
	}

	if !isName(name) {
		return refuse(NameInvalid, "a tenant's name is a lower-case letter and then lower-case letters and digits, no dash",
			"choose a name like team1")
	}

	if parent == RootNamespace && name == RootName {
		return nil
	}

	if _, isReserved := slices.BinarySearch(reserved, name); isReserved {
		return refuse(NameReserved, "this name is reserved for the platform", "choose another name")
	}

	if namespace := Namespace(parent, name); len(namespace) > maxNamespace {
		return refuse(NameTooLong, fmt.Sprintf("its namespace %s would have %d characters, at most %d are allowed",
			namespace, len(namespace), maxNamespace),
			fmt.Sprintf("shorten the name by %d, or place the tenant higher in the tree", len(namespace)-maxNamespace))
	}

	if release := Release(name); len(release) > maxRelease {
		return refuse(NameTooLong, fmt.Sprintf("its Helm release %s would have %d characters, at most %d are allowed",
			release, len(release), maxRelease), fmt.Sprintf("shorten the name by %d", len(release)-maxRelease))
	}

	return nil
}

// isName matches ^[a-z][a-z0-9]*$ .
func isName(name string) bool {
	for i := range len(name) {
		isLetter := name[i] >= 'a' && name[i] <= 'z'
		isDigit := name[i] >= '0' && name[i] <= '9'

		if !isLetter && (!isDigit || i == 0) {
			return false
		}
	}

	return name != ""
}

// isStaying says whether a tenant that is refused for its name has its place in the tree all the same: it was accepted before the name
// was reserved, and what is below it is there. No other refusal of a name leaves a namespace that nobody else may have.
func (n *node) isStaying() bool { return n.misnamed.Reason == NameReserved && n.hasBounds() }
