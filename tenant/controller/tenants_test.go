// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func TestWhoListensHearsOfEachChangeOnce(t *testing.T) {
	w := newWorld(t, madeRoot(), made("tenant-root", "alpha", v1alpha1.TenantSpec{}), made("tenant-root", "beta", v1alpha1.TenantSpec{}))
	tenants := &Tenants{tree: w.tree}

	var heard [][]string

	tenants.Listen(func(namespaces []string) { heard = append(heard, namespaces) })
	require.False(t, tenants.IsKnown())

	w.pass()
	require.True(t, tenants.IsKnown())
	require.Equal(t, [][]string{nil}, heard, "the first pass may have changed anything")

	resolved, isAccepted := tenants.Resolved("tenant-alpha")
	require.True(t, isAccepted)
	require.Equal(t, "alpha.example.org", resolved.Host)

	_, isAccepted = tenants.Resolved("tenant-gamma")
	require.False(t, isAccepted)

	w.settle()

	heard = nil

	w.settle()
	require.Empty(t, heard, "nothing changed")

	w.change("tenant-root", "alpha", func(spec *v1alpha1.TenantSpec) { spec.Host = "moved.example.org" })
	w.pass()
	require.Len(t, heard, 1)
	require.Contains(t, heard[0], "tenant-alpha")
	require.NotContains(t, heard[0], "tenant-beta")
}
