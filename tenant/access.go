// SPDX-License-Identifier: Apache-2.0

package tenant

import "k8s.io/apimachinery/pkg/types"

// Level is what a group may do in a tenant and in everything below it.
type Level string

// The levels, from the least to the most: each includes the one before it.
const (
	View       Level = "view"
	Use        Level = "use"
	Admin      Level = "admin"
	SuperAdmin Level = "super-admin"
)

// Levels lists them from the least to the most.
func Levels() []Level { return []Level{View, Use, Admin, SuperAdmin} }

// Group is the group whose members have a level in the tenant with this namespace: tenant-alpha, use -> tenant-alpha-use.
// No two tenants share one, because the name "super" is reserved.
func Group(namespace string, level Level) string { return namespace + "-" + string(level) }

// Account is the name of the service account that holds a level, in the namespace of every tenant: use -> tenant-use. It is
// also the name of the ClusterRole of the level, and of the RoleBinding that gives it.
func Account(level Level) string { return prefix + string(level) }

const (
	// ReleaseAccount runs the releases of a tenant's applications, with rights in the tenant's namespace only.
	ReleaseAccount = "tenant-releases"
	// ServiceAccount runs the releases of a tenant's cluster services, some of whose objects belong to no namespace.
	ServiceAccount = "tenant-services"
)

// Grant says who has a level in a tenant.
type Grant struct {
	Level Level
	// Groups have the level: those of the tenant itself first, then those of its ancestors from the root down.
	Groups []string
	// Accounts are the service accounts that have it, in the same order.
	Accounts []types.NamespacedName
}

// Grants says who may do what in the tenant: a level in a tenant holds in all tenants below it, and nowhere else.
//
//	bar in foo in root, view -> tenant-foo-bar-view, tenant-root-view, tenant-foo-view
func (r Resolved) Grants() []Grant {
	grants := make([]Grant, 0, len(Levels()))

	for _, level := range Levels() {
		grant := Grant{Level: level}

		for _, namespace := range append([]string{r.Namespace}, r.Ancestors...) {
			grant.Groups = append(grant.Groups, Group(namespace, level))
			grant.Accounts = append(grant.Accounts, types.NamespacedName{Namespace: namespace, Name: Account(level)})
		}

		grants = append(grants, grant)
	}

	return grants
}
