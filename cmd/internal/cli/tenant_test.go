// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTenantTreeHangsEachTenantBelowItsParentAndLosesNone(t *testing.T) {
	rows := []tenantRow{
		{Name: "late", Reason: "its controller has not looked at it yet"},
		{Name: "alpha", Namespace: "tenant-alpha", Parent: "tenant-root", Host: "alpha.example.org", Ready: true},
		{
			Name: "beta", Namespace: "tenant-alpha-beta", Parent: "tenant-alpha", Host: "beta.alpha.example.org", Ready: true,
			Services: map[string]string{"ingress": "tenant-root", "etcd": "tenant-alpha-beta"},
		},
		{Name: "orphan", Namespace: "tenant-x-orphan", Parent: "tenant-x", Host: "orphan.x.example.org", Ready: true},
		{Name: "root", Namespace: "tenant-root", Host: "example.org", Ready: true},
	}
	want := `
┌─ late not Ready: its controller has not looked at it yet
├─ orphan tenant-x-orphan orphan.x.example.org Ready
└─ root tenant-root example.org Ready
   └─ alpha tenant-alpha alpha.example.org Ready
      └─ beta tenant-alpha-beta beta.alpha.example.org Ready etcd=own ingress=tenant-root
`
	require.Equal(t, strings.TrimSpace(want), strings.TrimSpace(tenantTree(rows)))
}
