// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

const seaweedfsCRD = "seaweedfses.apps.cozystack.io"

// restarts is a new process, to which the API server lists objects of all kinds of services but some.
func (w *world) restarts(unread map[tenant.Service]string) {
	w.tree, w.kinds = &tree{}, &kinds{isKnown: true}

	for _, service := range tenant.Services() {
		if crd, isUnread := unread[service]; isUnread {
			w.kinds.unread = map[string]schema.GroupVersionKind{crd: serviceKind(service)}

			continue
		}

		w.kinds.set(service.String(), serviceKind(service))
	}
}

// TestUsersThatCanNotBeReadKeepWhatTheyUse: who can't be seen may be there.
func TestUsersThatCanNotBeReadKeepWhatTheyUse(t *testing.T) {
	const label = tenant.EtcdLabel + "tenant-foo"

	w := servedWorld(t)
	w.site = isolatedWorld(t, policy.EnforcesKubernetes).site
	w.settle()
	user := w.uses("tenant-foo-bar") // which has an etcd of its own by now
	w.settle()
	require.Contains(t, w.namespace("tenant-foo-bar").Labels, label)

	// The door lets a flag be turned off by the number of dependents.
	used := w.tenant("tenant-root", "foo").Status.Services.Etcd.Dependents
	require.Equal(t, []string{"tenant-foo-bar/SeaweedFS/x", "tenant-foo-qux"}, used.First)

	w.restarts(map[tenant.Service]string{tenant.SeaweedFS: seaweedfsCRD})
	w.settle()
	require.Equal(t, used, w.tenant("tenant-root", "foo").Status.Services.Etcd.Dependents)
	require.Contains(t, w.namespace("tenant-foo-bar").Labels, label)

	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.NotNil(t, w.service("tenant-foo", tenant.Etcd))
	w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionFalse, "UsersUnknown")
	require.Contains(t, w.condition("tenant-root", "foo", "ServicesReady").Message, seaweedfsCRD+" can't be read")

	// Its dependents are in no status any more.
	for _, unread := range []map[tenant.Service]string{{tenant.SeaweedFS: seaweedfsCRD}, {tenant.Etcd: etcdCRD}} {
		w.restarts(unread)
		w.settle()
		require.NotNil(t, w.service("tenant-foo", tenant.Etcd))
		require.Contains(t, w.namespace("tenant-foo-bar").Labels, label)
		require.Contains(t, w.networkPolicies("tenant-foo"), "tenant-etcd")
	}

	require.Contains(t, w.condition("tenant-root", "foo", "ServicesReady").Message, "objects of Etcd can't be read")

	w.restarts(nil)
	w.settle()
	w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionFalse, "ServiceInUse")

	require.NoError(t, w.client.Delete(t.Context(), user))
	w.settle()
	require.Nil(t, w.service("tenant-foo", tenant.Etcd))
	require.NotContains(t, w.namespace("tenant-foo-bar").Labels, label)
}

func TestAServiceWhoseUsersAreUnknownGoesWhereForced(t *testing.T) {
	w := servedWorld(t)
	w.settle()
	w.restarts(map[tenant.Service]string{tenant.SeaweedFS: seaweedfsCRD})
	w.annotate("tenant-root", "foo", "cozystack.io/force-disable", "etcd")
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.Nil(t, w.service("tenant-foo", tenant.Etcd))
}

// A CRD that can't be read itself may serve any kind of its group that is not known.
func TestAKindWhoseDefinitionCanNotBeReadIsUnread(t *testing.T) {
	k := &kinds{}
	k.set("ingresses.apps.cozystack.io", serviceKind(tenant.Ingress))
	k.note(etcdCRD, schema.GroupVersionKind{}, true)
	require.True(t, k.isUnread(serviceKind(tenant.Etcd)))
	require.False(t, k.isUnread(serviceKind(tenant.Ingress)), "it is served")
	require.False(t, k.isUnread(schema.GroupVersionKind{Group: "cilium.io", Version: "v2", Kind: "CiliumNetworkPolicy"}))
}

// TestAKindThatCanNotBeReadIsKnownUntilItCan also where that shows in the first look.
func TestAKindThatCanNotBeReadIsKnownUntilItCan(t *testing.T) {
	crd := crdOf("one", "True")
	live := fake.NewClientBuilder().WithScheme(runtime.NewScheme()).WithObjects(crd).Build()
	watches := &watching{fails: errors.New("failed waiting for the informer to sync")}
	k := &kinds{
		areOurs: areApplications, version: v1alpha1.GroupVersion.Version, cache: watches, crds: onlyCRD{}, live: live, log: slog.New(slog.DiscardHandler),
	}
	require.NoError(t, k.learn(t.Context()))
	require.Equal(t, []string{etcdCRD}, unread(k))
	require.False(t, k.serves(serviceKind(tenant.Etcd)))
	require.True(t, k.isUnread(serviceKind(tenant.Etcd)))

	look := func(isOther, isUnread bool) {
		t.Helper()

		is, err := k.look(t.Context(), etcdCRD)
		require.Equal(t, watches.fails != nil && isUnread, err != nil)
		require.Equal(t, isOther, is)
		require.Equal(t, isUnread, k.isUnread(serviceKind(tenant.Etcd)))
		require.Equal(t, isUnread, len(unread(k)) == 1)
	}
	look(false, true)

	failure := watches.fails
	watches.fails = nil
	look(true, false)
	require.True(t, k.serves(serviceKind(tenant.Etcd)))

	// One that was read and made anew, and then went.
	require.NoError(t, live.Delete(t.Context(), crd))
	require.NoError(t, live.Create(t.Context(), crdOf("two", "True")))

	watches.fails = failure
	look(true, true)
	require.NoError(t, live.Delete(t.Context(), crdOf("two", "True")))

	watches.did = nil
	look(true, false)
	require.Equal(t, []string{"leave Etcd"}, watches.did, "nobody asks for it any more")
	require.NoError(t, client.IgnoreNotFound(live.Delete(t.Context(), crd)))
}

// TestAKindThatCanNotBeReadIsAskedForSoon however long it could not: people wait for it.
func TestAKindThatCanNotBeReadIsAskedForSoon(t *testing.T) {
	limiter := kindRetries()

	var last time.Duration
	for range 50 {
		last = limiter.When(reconcile.Request{})
	}

	require.Equal(t, maxKindRetry, last)
}

func unread(k *kinds) []string {
	_, unread := k.applications()

	return unread
}

// onlyCRD is a cache of the metadata of one CRD.
type onlyCRD struct{ client.Reader }

func (onlyCRD) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	found, isMetadata := list.(*metav1.PartialObjectMetadataList)
	if !isMetadata {
		return errors.New("only metadata is cached")
	}

	found.Items = []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: etcdCRD}}}

	return nil
}
