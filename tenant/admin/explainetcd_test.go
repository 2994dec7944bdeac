// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant/policy"
)

// Users of tenants may not read namespaces, whose labels tell on which etcds applications stay.
func TestWhoMayNotReadALabelledPodsNamespaceIsToldWhatNobodyCanTell(t *testing.T) {
	typed := cluster(siteMap(t, policy.EnforcesCilium),
		aPod("tenant-root", "etcd", labelled(policy.LabelService, policy.PartEtcd)))
	typed.PrependReactor("get", "namespaces", refusing())

	for to, isKnown := range map[string]bool{"tenant-root/etcd": true, "tenant-root/nginx": true, "tenant-foo-bar/web": true, "tenant-foo/etcd": false} {
		flow := explain(t, typed, "tenant-foo-bar/plane", to, 2379).Flows[0]
		require.Equal(t, isKnown, flow.Allowed != nil, "%s: %s", to, flow.Why)

		if !isKnown {
			require.Equal(t, []any{0, true, true}, []any{flow.Row, flow.Leaves.Open == nil, flow.Enters.Open == nil})
			require.Contains(t, flow.Why, "where an application of tenant-foo-bar stays on the etcd of tenant-foo")
		}
	}

	other := explain(t, typed, "tenant-foo-bar/plane", "tenant-foo/etcd", 2380).Flows[0]
	require.NotNil(t, other.Allowed, "no application needs that port")
	require.False(t, *other.Allowed)
}
