// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const acceptDataLoss = "cozystack.io/accept-data-loss"

// leftBehind is what the chart of a service of tenant-foo leaves.
func leftBehind(service tenant.Service) *unstructured.Unstructured {
	kept := keptOf(service, "tenant-foo")
	kept.SetLabels(serviceLabels(service))

	return kept
}

// left is nil where nothing is left behind.
func (w *world) left(service tenant.Service) *unstructured.Unstructured {
	w.t.Helper()

	kept := keptOf(service, "tenant-foo")

	err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(kept), kept)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return nil
	}

	require.NoError(w.t, err)

	return kept
}

func (w *world) replicasOfGrafana() any {
	w.t.Helper()

	replicas, _, err := unstructured.NestedFieldNoCopy(w.left(tenant.Monitoring).Object, "spec", "deployment", "spec", "replicas")
	require.NoError(w.t, err)

	return replicas
}

// TestGrafanaRestsWhileMonitoringIsOff: its operator deletes the volume with the object, which stays for that, and runs its pod as
// long as the object wants one.
func TestGrafanaRestsWhileMonitoringIsOff(t *testing.T) {
	grafana := leftBehind(tenant.Monitoring)
	require.NoError(t, unstructured.SetNestedField(grafana.Object, int64(1), "spec", "deployment", "spec", "replicas"))
	require.NoError(t, unstructured.SetNestedField(grafana.Object, "11.6.15", "spec", "version"))
	w := servedWorld(t, volume("grafana-pvc", "Monitoring", "monitoring"), grafana)
	w.settle()
	require.Equal(t, int64(1), w.replicasOfGrafana(), "monitoring runs")

	w.annotate("tenant-root", "foo", "cozystack.io/force-disable", "monitoring")
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Monitoring = false })
	w.settle()
	require.Equal(t, int64(0), w.replicasOfGrafana())
	require.Equal(t, "11.6.15", w.left(tenant.Monitoring).Object["spec"].(map[string]any)["version"])

	message := w.condition("tenant-root", "foo", "ServicesReady").Message
	require.Contains(t, message, "its volumes stay: grafana-pvc; to delete")

	w.annotate("tenant-root", "foo", acceptDataLoss, "monitoring")
	w.settle()
	require.Nil(t, w.left(tenant.Monitoring))
	require.Empty(t, w.volumes())
	require.NotContains(t, w.tenant("tenant-root", "foo").Annotations, acceptDataLoss)
}

// TestAGrafanaThatSaysNoNumberOfPodsHasOne, as those of charts from before.
func TestAGrafanaThatSaysNoNumberOfPodsHasOne(t *testing.T) {
	w := servedWorld(t, volume("grafana-pvc", "Monitoring", "monitoring"), leftBehind(tenant.Monitoring))
	w.annotate("tenant-root", "foo", "cozystack.io/force-disable", "monitoring")
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Monitoring = false })
	w.settle()
	require.Equal(t, int64(0), w.replicasOfGrafana())
}

// TestOthersRunOn: members that are stopped would not hold each other's data.
func TestOthersRunOn(t *testing.T) {
	w := servedWorld(t, volume("data-etcd-0", "Etcd", "etcd"), leftBehind(tenant.Etcd))
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	require.NotContains(t, w.settle(), "patch tenant-foo/etcd")
	require.NotContains(t, w.left(tenant.Etcd).Object, "spec")
}

// TestWhatIsLeftGoesBeforeItHasVolumes: an operator makes them a moment after its object.
func TestWhatIsLeftGoesBeforeItHasVolumes(t *testing.T) {
	w := servedWorld(t, leftBehind(tenant.Etcd))
	w.settle()
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.annotate("tenant-root", "foo", acceptDataLoss, "etcd")
	w.settle()
	require.Nil(t, w.left(tenant.Etcd))
	require.NotContains(t, w.tenant("tenant-root", "foo").Annotations, acceptDataLoss)
}

// TestConsentHoldsUntilAllIsGone: nothing but the clock tells that an object is gone which has no volumes any more.
func TestConsentHoldsUntilAllIsGone(t *testing.T) {
	foo := types.NamespacedName{Namespace: "tenant-root", Name: "foo"}
	cluster := leftBehind(tenant.Etcd)
	cluster.SetFinalizers([]string{"etcd-operator.cozystack.io/cleanup"})
	w := servedWorld(t, cluster)
	w.settle()
	require.Zero(t, w.again[foo])
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.annotate("tenant-root", "foo", acceptDataLoss, "etcd")
	w.settle()
	require.False(t, w.left(tenant.Etcd).GetDeletionTimestamp().IsZero())
	require.Equal(t, "etcd", w.tenant("tenant-root", "foo").Annotations[acceptDataLoss])
	w.says("tenant-foo", tenant.Monitoring, metav1.ConditionTrue, "")
	w.settle()
	require.Equal(t, "etcd is turned off, EtcdCluster etcd is being deleted", w.condition("tenant-root", "foo", "ServicesReady").Message)
	require.Equal(t, 10*time.Second, w.again[foo])

	// What it makes on its way goes too.
	require.NoError(t, w.client.Create(t.Context(), volume("data-etcd-0", "Etcd", "etcd")))
	w.settle()
	require.Empty(t, w.volumes())

	left := w.left(tenant.Etcd)
	left.SetFinalizers(nil)
	require.NoError(t, w.client.Update(t.Context(), left))
	w.settle()
	require.NotContains(t, w.tenant("tenant-root", "foo").Annotations, acceptDataLoss)
	require.Zero(t, w.again[foo])
}
