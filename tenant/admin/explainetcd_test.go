// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
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

// TestMembersOfAnEtcdThatStaysReachEachOther, and are scraped: it is turned off and in use, so its object is still there, and the policies
// go by that.
func TestMembersOfAnEtcdThatStaysReachEachOther(t *testing.T) {
	member := labelled(policy.LabelService, policy.PartEtcd)
	typed := cluster(siteMap(t, policy.EnforcesCilium), aPod("tenant-foo", "etcd-0", member), aPod("tenant-foo", "etcd-1", member),
		aPod("tenant-root", "vmagent", labelled(policy.LabelService, policy.PartVMAgent)))
	tenants := family()
	tenants[1].Status.Services.Monitoring = v1alpha1.TenantService{Source: "inherited", Namespace: "tenant-root"}

	forbidden := dynamicWith()
	forbidden.PrependReactor("get", "etcds", refusing())

	for _, tc := range []struct {
		objects *dynamicfake.FakeDynamicClient
		rows    []int // from the other member, and from the scraper
		allowed any
	}{
		{dynamicWith(an("apps.cozystack.io/v1alpha1", "Etcd", "tenant-foo", "etcd")), []int{1, 3}, true},
		{dynamicWith(), []int{5, 5}, false},
		{forbidden, []int{0, 0}, nil},
	} {
		for i, from := range []types.NamespacedName{{Namespace: "tenant-foo", Name: "etcd-0"}, {Namespace: "tenant-root", Name: "vmagent"}} {
			explained, err := admin.Explain(t.Context(), typed, tc.objects, admin.Seen{Tenants: tenants}, from,
				types.NamespacedName{Namespace: "tenant-foo", Name: "etcd-1"}, &admin.Port{Protocol: corev1.ProtocolTCP, Number: uint16(2380 + i)})
			require.NoError(t, err)

			flow := explained.Flows[0]
			require.Equal(t, tc.rows[i], flow.Row, "%+v", flow)
			require.Equal(t, tc.allowed, known(flow.Allowed), "%+v", flow)
			require.Equal(t, tc.allowed, known(flow.Enters.Open), "%+v", flow)

			if flow.Allowed == nil {
				require.Equal(t, "it depends on whether Etcd etcd is there in tenant-foo, which you may not read", flow.Why)
			}
		}
	}
}

func TestAnEtcdThatCantBeLookedForIsAnError(t *testing.T) {
	broken := dynamicWith()
	broken.PrependReactor("get", "etcds", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no route") })

	key := types.NamespacedName{Namespace: "tenant-foo", Name: "etcd"}
	_, err := admin.Explain(t.Context(), cluster(), broken, admin.Seen{Tenants: family()}, key, key, nil)
	require.EqualError(t, err, "get Etcd etcd in tenant-foo, to see whether that etcd is still there: no route")
}

// known is nil where nobody can tell.
func known(is *bool) any {
	if is == nil {
		return nil
	}

	return *is
}
