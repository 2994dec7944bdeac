// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNamesInPostgresAreText: what YAML takes for something else is a name like any other.
func TestNamesInPostgresAreText(t *testing.T) {
	for _, name := range []string{"on", "no", "y", "yes", "true", "null"} {
		manifest := render(t, rendering{"", "postgres", "tenant-alpha", ordered("postgres", map[string]any{
			"users": []any{map[string]any{"name": name}, map[string]any{"name": "other", "memberOf": []any{name}}},
			"databases": []any{map[string]any{
				"name": name, "owner": name, "extensions": []any{map[string]any{"name": name}},
			}},
		})})
		roles := at(named(t, manifest, "Cluster", "postgres"), "spec", "managed", "roles").([]any)
		require.Equal(t, name, at(roles[0].(map[string]any), "name"))
		require.Equal(t, []any{name}, at(roles[1].(map[string]any), "inRoles"))
		database := named(t, manifest, "Database", "postgres."+name)
		require.Equal(t, name, at(database, "spec", "name"))
		require.Equal(t, name, at(database, "spec", "owner"))
		require.Equal(t, []any{map[string]any{"name": name}}, at(database, "spec", "extensions"))
		require.Equal(t, encoded(name), secretsOf(t, manifest)["postgres.user."+name]["username"])
	}
}

// TestNamesInPostgresEndAsNamesOfObjectsDo: a Secret and a Database are called after them, with a dash for each underscore.
func TestNamesInPostgresEndAsNamesOfObjectsDo(t *testing.T) {
	for field, spec := range map[string]map[string]any{
		"users":     {"users": []any{map[string]any{"name": "shop_"}}},
		"databases": {"databases": []any{map[string]any{"name": "shop_"}}},
	} {
		_, err := tryRender(t, rendering{"", "postgres", "tenant-alpha", ordered("postgres", spec)})
		require.ErrorContains(t, err, field)
		require.ErrorContains(t, err, "pattern")
	}
}

func TestRolesOfPostgresComeWithItsVersion(t *testing.T) {
	for role, since := range map[string]int{
		"pg_monitor": 14, "pg_checkpoint": 15, "pg_use_reserved_connections": 16, "pg_create_subscription": 16, "pg_maintain": 17,
	} {
		for version := 14; version <= 18; version++ {
			_, err := tryRender(t, rendering{"", "postgres", "tenant-alpha", ordered("postgres", map[string]any{
				"version": version, "users": []any{map[string]any{"name": "a", "roles": []any{role}}},
			})})
			if version < since {
				require.ErrorContains(t, err, `users[0].roles: "`+role+`": comes with version`)
			} else {
				require.NoError(t, err, "%s in %d", role, version)
			}
		}
	}
}
