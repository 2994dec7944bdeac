// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// limits is what admission is told of tenants made in a namespace; nil if nothing.
func (w *world) limits(namespace string) *v1alpha1.TenantLimitsSpec {
	w.t.Helper()

	var found v1alpha1.TenantLimits

	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: "limits"}, &found)
	if apierrors.IsNotFound(err) {
		return nil
	}

	require.NoError(w.t, err)

	return &found.Spec
}

func TestAdmissionIsToldWhoHoldsWhichHost(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		made("tenant-a", "b", v1alpha1.TenantSpec{Host: "shop.com"}), madeAfter(1, made("tenant-root", "late", v1alpha1.TenantSpec{Host: "shop.com"})))
	w.settle()

	require.Equal(t, []v1alpha1.HeldHost{
		{Host: "a.example.org", Namespace: "tenant-a"},
		{Host: "example.org", Namespace: "tenant-root"},
		{Host: "shop.com", Namespace: "tenant-a-b"},
	}, w.limits("tenant-root").Hosts)
	require.Nil(t, w.limits("tenant-a"), "one list for all")

	w.change("tenant-a", "b", func(spec *v1alpha1.TenantSpec) { spec.Host = "" })
	w.settle()
	require.Contains(t, w.limits("tenant-root").Hosts, v1alpha1.HeldHost{Host: "shop.com", Namespace: "tenant-late"})
	require.Len(t, w.limits("tenant-root").Hosts, 4)
	require.Empty(t, w.settle())
}

func TestAdmissionIsToldWhatIsLeft(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "a", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10", "pods", "50")}),
		madeAfter(1, made("tenant-a", "b", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "3", "pods", "20")})))
	w.settle()
	require.Equal(t, bounded("cpu", "7", "pods", "30"), w.limits("tenant-a").Left)
	require.Equal(t, bounded("cpu", "3", "pods", "20"), w.limits("tenant-a-b").Left)
	require.Nil(t, w.limits("tenant-root").Left)

	w.delete("tenant-a", "b")
	w.settle()
	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.ResourceQuotas = nil })
	w.settle()
	require.Nil(t, w.limits("tenant-a"))
}

func TestTooManyHostsAreThoseNearTheRoot(t *testing.T) {
	var tenants []v1alpha1.Tenant

	entries := map[types.NamespacedName]entry{}
	add := func(name, host string, level int) {
		one := made("tenant-root", name, v1alpha1.TenantSpec{Host: host})
		resolved := tenant.Resolved{Namespace: "tenant-" + name, Ancestors: make([]string, level), Host: host}

		if host == "" {
			resolved.Host = name + ".example.org"
		}

		tenants = append(tenants, *one)
		entries[client.ObjectKeyFromObject(one)] = entry{resolved: resolved}
	}

	for i := range maxHosts {
		add(fmt.Sprintf("far%d", i), "", 3)
	}

	add("asked", "shop.com", 5)
	add("near", "", 1)

	hosts := heldHosts(tenants, entries)
	require.Len(t, hosts, maxHosts)
	require.Contains(t, hosts, v1alpha1.HeldHost{Host: "shop.com", Namespace: "tenant-asked"})
	require.Contains(t, hosts, v1alpha1.HeldHost{Host: "near.example.org", Namespace: "tenant-near"})
}

func TestTheRootIsToldOnceOfManyHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
		w.pass()

		queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		defer queue.ShutDown()
		require.NoError(t, w.woken.Start(t.Context(), queue))

		told := func() (times int) {
			synctest.Wait()

			for queue.Len() > 0 {
				one, _ := queue.Get()
				queue.Done(one)

				if one.Name == tenant.RootName {
					times++
				}
			}

			return times
		}

		for i := range 3 {
			require.NoError(t, w.client.Create(t.Context(), made("tenant-a", fmt.Sprintf("b%d", i), v1alpha1.TenantSpec{})))

			_, err := w.resolver().Reconcile(t.Context(), reconcile.Request{})
			require.NoError(t, err)
			require.Zero(t, told())
		}

		time.Sleep(hostsDelay)
		require.Equal(t, 1, told())
	})
}
