// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

func request() reconcile.Request { return wholeTree() }

func volume(name, kind, of string) client.Object {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-foo", Name: name, Labels: map[string]string{
		"apps.cozystack.io/application.kind": kind, "apps.cozystack.io/application.name": of,
		"apps.cozystack.io/application.group": "apps.cozystack.io",
	}}}
}

func (w *world) volumes() (names []string) {
	w.t.Helper()

	var list corev1.PersistentVolumeClaimList
	require.NoError(w.t, w.client.List(w.t.Context(), &list, client.InNamespace("tenant-foo")))

	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}

	return names
}

func TestVolumesStayUntilTheirLossIsAccepted(t *testing.T) {
	w := servedWorld(t, volume("data-etcd-0", "Etcd", "etcd"), volume("data-etcd-1", "Etcd", "etcd"), volume("data-db-0", "Postgres", "etcd"),
		volume("vmstorage-0", "Monitoring", "monitoring"))
	w.settle()
	w.says("tenant-foo", tenant.Monitoring, metav1.ConditionTrue, "")
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.Len(t, w.volumes(), 4)
	w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionTrue, "ServicesReady")
	require.Equal(t, "etcd is turned off, its volumes stay: data-etcd-0, data-etcd-1; to delete them, annotate the tenant with "+
		"cozystack.io/accept-data-loss=etcd", w.condition("tenant-root", "foo", "ServicesReady").Message)

	w.annotate("tenant-root", "foo", "cozystack.io/accept-data-loss", "ingress, etcd")
	w.settle()
	require.Equal(t, []string{"data-db-0", "vmstorage-0"}, w.volumes())
	require.Empty(t, w.condition("tenant-root", "foo", "ServicesReady").Message)
	require.NotContains(t, w.tenant("tenant-root", "foo").Annotations, "cozystack.io/accept-data-loss", "it is agreed to once")
}

func TestWhatRunsOnGoesWithTheVolumes(t *testing.T) {
	w := servedWorld(t, volume("data-etcd-0", "Etcd", "etcd"), leftBehind(tenant.Etcd))
	w.settle()
	w.says("tenant-foo", tenant.Monitoring, metav1.ConditionTrue, "")
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.Contains(t, w.condition("tenant-root", "foo", "ServicesReady").Message, "stay: data-etcd-0 and EtcdCluster etcd runs on; to")

	w.annotate("tenant-root", "foo", "cozystack.io/accept-data-loss", "etcd")

	writes := w.settle()
	require.Less(t, slices.Index(writes, "delete tenant-foo/etcd"), slices.Index(writes, "delete tenant-foo/data-etcd-0"))
	require.Contains(t, writes, "delete tenant-foo/etcd")
	require.Empty(t, w.volumes())

	// One that is not the service's stays.
	other := leftBehind(tenant.Etcd)
	other.SetLabels(nil)
	w = servedWorld(t, volume("data-etcd-0", "Etcd", "etcd"), other)
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.annotate("tenant-root", "foo", "cozystack.io/accept-data-loss", "etcd")
	require.NotContains(t, w.settle(), "delete tenant-foo/etcd")
	require.Empty(t, w.volumes())
}

// TestTheNamesOfObjectsRunOnWithTheVolumes: the operator of Postgres deletes its volumes with its object.
func TestTheNamesOfObjectsRunOnWithTheVolumes(t *testing.T) {
	w := servedWorld(t, volume("data-seaweedfs-zone-a-0", "SeaweedFS", "seaweedfs"), volume("seaweedfs-1", "SeaweedFS", "seaweedfs"),
		leftBehind(tenant.SeaweedFS))
	w.settle()
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.SeaweedFS = true })
	w.settle()
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.SeaweedFS = false })
	w.settle()
	require.Contains(t, w.condition("tenant-root", "foo", "ServicesReady").Message, "seaweedfs-1 and Cluster seaweedfs runs on; to delete")

	w.annotate("tenant-root", "foo", "cozystack.io/accept-data-loss", "seaweedfs")
	require.Contains(t, w.settle(), "delete tenant-foo/seaweedfs")
	require.Empty(t, w.volumes())
}

func TestVolumesOfAServiceThatRunsAreNotTouched(t *testing.T) {
	w := servedWorld(t, volume("data-etcd-0", "Etcd", "etcd"))
	w.annotate("tenant-root", "foo", "cozystack.io/accept-data-loss", "etcd")
	w.settle()
	require.Len(t, w.volumes(), 1)

	// What is agreed to before there is a reason is not agreed to later.
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.Len(t, w.volumes(), 1)
}

func TestConsentIsUsedUp(t *testing.T) {
	w := servedWorld(t)
	w.annotate("tenant-root", "foo", "cozystack.io/force-disable", "etcd, monitoring,x")
	w.settle()
	require.Equal(t, "etcd, monitoring,x", w.tenant("tenant-root", "foo").Annotations["cozystack.io/force-disable"], "both run yet")

	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.Nil(t, w.service("tenant-foo", tenant.Etcd))
	require.Equal(t, " monitoring,x", w.tenant("tenant-root", "foo").Annotations["cozystack.io/force-disable"])

	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = true })
	w.settle()
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Monitoring = false })
	w.settle()
	require.Equal(t, "x", w.tenant("tenant-root", "foo").Annotations["cozystack.io/force-disable"])
}

func TestOnlyVolumesOfServicesAreLookedAt(t *testing.T) {
	selector, err := VolumeSelector()
	require.NoError(t, err)
	require.True(t, selector.Matches(labels.Set(volume("a", "SeaweedFS", "seaweedfs").GetLabels())))
	require.False(t, selector.Matches(labels.Set(volume("a", "Postgres", "db").GetLabels())))
}

func TestWhoUsesAServiceIsItsDependent(t *testing.T) {
	w := servedWorld(t)
	w.settle()

	// Any kind that is served may say that it uses something.
	seaweed := watch.Object(serviceKind(tenant.SeaweedFS))
	seaweed.SetNamespace("tenant-foo-bar")
	seaweed.SetName("x")
	require.NoError(t, unstructured.SetNestedStringMap(seaweed.Object, map[string]string{"etcd": "tenant-foo", "monitoring": "tenant-foo"}, "status", "services"))
	require.NoError(t, w.client.Create(t.Context(), seaweed))
	w.settle()

	services := w.tenant("tenant-root", "foo").Status.Services
	require.Equal(t, []string{"tenant-foo-bar/SeaweedFS/x", "tenant-foo-qux"}, services.Etcd.Dependents.First)
	require.Equal(t, []string{"tenant-foo-bar", "tenant-foo-bar/SeaweedFS/x", "tenant-foo-qux"}, services.Monitoring.Dependents.First)
	require.Contains(t, w.namespace("tenant-foo-bar").Labels, "etcd.cozystack.io/tenant-foo", "where its data is stays open to it")
}

// A status is written last, and what uses a service may be there before it.
func TestUsesCountBeforeTheStatusNamesTheNamespace(t *testing.T) {
	tenants := []v1alpha1.Tenant{
		*madeRoot(), *made("tenant-root", "foo", v1alpha1.TenantSpec{Etcd: true}), *made("tenant-foo", "bar", v1alpha1.TenantSpec{Etcd: true}),
	}
	entries := resolve(tenants, nil, map[string][]tenant.Usage{
		"tenant-foo-bar": {{Name: "Kubernetes/x", Service: tenant.Etcd, Provider: "tenant-foo"}},
	}, nil, &tree{})
	foo := entries[client.ObjectKey{Namespace: "tenant-root", Name: "foo"}]
	require.Equal(t, []string{"tenant-foo-bar/Kubernetes/x"}, foo.resolved.Services[tenant.Etcd].Dependents.First)
}

func TestOnlyThoseAreWokenToWhomItMatters(t *testing.T) {
	w := servedWorld(t)
	w.settle()

	hears := &hearing{tree: w.tree, tenants: &watch.Wakes[reconcile.Request]{}, pass: &passes{}}
	etcd := w.service("tenant-foo", tenant.Etcd)
	hears.object(nil, etcd)
	require.Len(t, asked(t, hears.tenants), 1)
	require.Empty(t, asked(t, &hears.pass.wakes))

	w.says("tenant-foo", tenant.Etcd, metav1.ConditionTrue, "")
	hears.object(etcd, w.service("tenant-foo", tenant.Etcd))
	require.Len(t, asked(t, hears.tenants), 2, "foo and qux, and not bar, which has its own")

	user := watch.Object(serviceKind(tenant.SeaweedFS))
	require.NoError(t, unstructured.SetNestedStringMap(user.Object, map[string]string{"etcd": "tenant-foo"}, "status", "services"))
	hears.object(user, nil)
	require.Len(t, asked(t, &hears.pass.wakes), 1)
}
