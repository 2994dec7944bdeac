// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/cozystack/cozy-install/tenant"
)

func TestNamespaceFollowsFromTheParentsAndTheName(t *testing.T) {
	for _, tc := range []struct{ parent, name, want string }{
		{"tenant-root", "root", "tenant-root"},
		{"tenant-root", "alpha", "tenant-alpha"},
		{"tenant-alpha", "beta", "tenant-alpha-beta"},
		{"tenant-alpha-beta", "gamma", "tenant-alpha-beta-gamma"},
		{"tenant-root", "foo", "tenant-foo"},
		{"tenant-foo", "bar", "tenant-foo-bar"},
	} {
		require.Equal(t, tc.want, tenant.Namespace(tc.parent, tc.name), "%s in %s", tc.name, tc.parent)
	}

	require.Equal(t, "tenant-alpha", tenant.Release("alpha"))
	require.Equal(t, "tenant-a-super-admin", tenant.Group("tenant-a", tenant.SuperAdmin))
}

func TestNamesAreChecked(t *testing.T) {
	long := strings.Repeat("a", 46)

	for name, tc := range map[string]struct {
		parent, name string
		reason       tenant.Reason
		says         []string
	}{
		"a word":                    {"tenant-root", "alpha", "", nil},
		"digits after a letter":     {"tenant-root", "team1", "", nil},
		"one letter":                {"tenant-root", "a", "", nil},
		"a level":                   {"tenant-root", "admin", "", nil},
		"another level":             {"tenant-alpha", "view", "", nil},
		"the root":                  {"tenant-root", "root", "", nil},
		"empty":                     {"tenant-root", "", tenant.NameInvalid, nil},
		"a dash":                    {"tenant-root", "foo-bar", tenant.NameInvalid, []string{`"foo-bar"`, "no dash"}},
		"a digit first":             {"tenant-root", "1a", tenant.NameInvalid, nil},
		"upper case":                {"tenant-root", "Alpha", tenant.NameInvalid, nil},
		"a dot":                     {"tenant-root", "a.b", tenant.NameInvalid, nil},
		"a letter outside of ASCII": {"tenant-root", "größe", tenant.NameInvalid, nil},
		"root elsewhere":            {"tenant-alpha", "root", tenant.NameReserved, []string{`"root"`}},
		"super":                     {"tenant-a", "super", tenant.NameReserved, nil},
		"a service's host label":    {"tenant-root", "grafana", tenant.NameReserved, nil},
		"a cluster service":         {"tenant-root", "etcd", tenant.NameReserved, nil},
		"a namespace of 63":         {"tenant-" + strings.Repeat("b", 54), "c", "", nil},
		"a namespace of 64": {
			"tenant-" + strings.Repeat("b", 54), "cc", tenant.NameTooLong,
			[]string{"tenant-" + strings.Repeat("b", 54) + "-cc", "64 characters", "at most 63"},
		},
		"a release of 53": {"tenant-root", long, "", nil},
		"a release of 54": {
			"tenant-root", long + "a", tenant.NameTooLong,
			[]string{"tenant-" + long + "a", "54 characters", "at most 53"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := tenant.Check(tc.parent, tc.name)
			if tc.reason == "" {
				require.NoError(t, err)

				return
			}

			var refusal *tenant.Refusal

			require.ErrorAs(t, err, &refusal)
			require.Equal(t, tc.reason, refusal.Reason)
			require.Equal(t, "metadata.name", refusal.Field)
			require.NotEmpty(t, refusal.Hint())

			for _, text := range tc.says {
				require.ErrorContains(t, err, text)
			}
		})
	}
}

func TestReservedNamesAreSortedAndHaveNoDoubles(t *testing.T) {
	names := tenant.ReservedNames()

	require.True(t, slices.IsSorted(names))
	require.Len(t, slices.Compact(slices.Clone(names)), len(names))
	require.Subset(t, names, []string{"root", "super", "grafana", "s3", "alerta", "dashboard", "keycloak", "api"})

	for _, level := range []tenant.Level{tenant.View, tenant.Use, tenant.Admin} {
		require.NotContains(t, names, string(level), "a tenant may have the name of a level")
	}
}

// The longest tenant that is accepted must yield legal names for everything derived from it.
func TestDerivedNamesOfTheLongestTenantAreLegal(t *testing.T) {
	longest := strings.Repeat("a", 46)
	deep := strings.Repeat("b", 63-len("tenant-")-46-1)

	for namespace, resolved := range resolveAll(t,
		root(runs(tenant.Etcd, tenant.Monitoring, tenant.Ingress, tenant.SeaweedFS)),
		in("tenant-root", longest), in("tenant-"+longest, deep, runs(tenant.Ingress)),
	) {
		require.Empty(t, validation.IsDNS1123Label(namespace))

		for key, value := range resolved.Labels() {
			require.Empty(t, validation.IsQualifiedName(key), key)
			require.Empty(t, validation.IsValidLabelValue(value), value)
		}
	}
}
