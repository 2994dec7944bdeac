// SPDX-License-Identifier: Apache-2.0

package application

import (
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// levelRole is what a level may do with kinds of applications; empty where it has no role for that.
func (l *lab) levelRole(level tenant.Level) rbacv1.ClusterRole {
	l.t.Helper()

	var found rbacv1.ClusterRole
	require.NoError(l.t, client.IgnoreNotFound(l.client.Get(l.t.Context(), client.ObjectKey{Name: LevelRole(level)}, &found)))

	return found
}

func on(verbs []string, plurals ...string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{{APIGroups: []string{"apps.cozystack.io"}, Resources: plurals, Verbs: verbs}}
}

func TestLevelsHaveTheirRightsOnWhatIsPublished(t *testing.T) {
	reads, writes := []string{"get", "list", "watch"}, []string{"create", "update", "patch", "delete", "deletecollection"}
	kind, _ := etcds("tenant-root")
	l := newLab(t, flux(), depots(func(s *definition.ApplicationDefinitionSpec) { s.Requires = []string{"shelves.lab.example.org"} }), kind)
	// Others' kinds are none of what is published, whatever their group.
	require.NoError(t, l.client.Create(t.Context(), established("others.apps.cozystack.io", nil)))
	require.NoError(t, l.client.Create(t.Context(), established("thirds.apps.cozystack.io", managedLabels())))

	l.settle()
	require.Equal(t, on(reads, "etcds"), l.levelRole(tenant.View).Rules)
	require.Equal(t, on([]string{"update", "patch"}, "etcds"), l.levelRole(tenant.SuperAdmin).Rules)
	require.Empty(t, l.levelRole(tenant.Admin).Name, "the only ordinary kind waits for its operator")
	require.Equal(t, map[string]string{
		labelManagedBy: FieldManager, "rbac.cozystack.io/aggregate-to-tenant-view": "true",
	}, l.levelRole(tenant.View).Labels)

	require.NoError(t, l.client.Create(t.Context(), established("shelves.lab.example.org", nil)))
	l.settle()
	require.Equal(t, on(reads, "depots", "etcds"), l.levelRole(tenant.View).Rules)
	require.Equal(t, on(writes, "depots"), l.levelRole(tenant.Admin).Rules)
	require.Empty(t, l.levelRole(tenant.Use).Name, "it has what view has")
	require.Empty(t, l.settle(), "nothing changed")
}

func TestRightsThatSomebodyChangedArePutBack(t *testing.T) {
	l := newLab(t, flux(), depots())
	l.settle()

	for _, edit := range []func(*rbacv1.ClusterRole){
		func(role *rbacv1.ClusterRole) { role.Rules = append(role.Rules, on([]string{"*"}, "tenants")...) },
		func(role *rbacv1.ClusterRole) { delete(role.Labels, "rbac.cozystack.io/aggregate-to-tenant-view") },
	} {
		before := l.levelRole(tenant.View)
		changed := before.DeepCopy()
		edit(changed)
		require.NoError(t, l.client.Update(t.Context(), changed))
		require.Equal(t, []string{"apply *v1.ClusterRoleApplyConfiguration"}, l.settle())
		require.Equal(t, before.Rules, l.levelRole(tenant.View).Rules)
		require.Equal(t, before.Labels, l.levelRole(tenant.View).Labels)
	}
}

// Whoever has objects of a kind can read and delete them as long as there are any.
func TestRightsGoWithTheKind(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil))
	l.settle()

	l.delete(depots())
	l.settle()
	require.NotEmpty(t, l.levelRole(tenant.Admin).Rules)

	l.delete(l.depot("one"))
	l.settle()
	require.Nil(t, l.kindOf())
	require.Empty(t, l.levelRole(tenant.View).Rules)
	require.Empty(t, l.levelRole(tenant.Admin).Rules)
}
