// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/tenant"
)

func TestALevelHoldsInAllTenantsBelowAndNowhereElse(t *testing.T) {
	foobar := tenant.Resolved{Namespace: "tenant-foo-bar", Ancestors: []string{"tenant-root", "tenant-foo"}}

	grants := foobar.Grants()
	require.Len(t, grants, 4)
	require.Equal(t, tenant.Grant{
		Level:  tenant.Use,
		Groups: []string{"tenant-foo-bar-use", "tenant-root-use", "tenant-foo-use"},
		Accounts: []types.NamespacedName{
			{Namespace: "tenant-foo-bar", Name: "tenant-use"},
			{Namespace: "tenant-root", Name: "tenant-use"},
			{Namespace: "tenant-foo", Name: "tenant-use"},
		},
	}, grants[1])

	root := tenant.Resolved{Namespace: "tenant-root"}
	require.Equal(t, []string{"tenant-root-super-admin"}, root.Grants()[3].Groups)
}
