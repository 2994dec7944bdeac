// SPDX-License-Identifier: Apache-2.0

package tenant

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
