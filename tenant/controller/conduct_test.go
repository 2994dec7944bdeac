// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// told is what was said in events since it was last asked.
func told(recorder *events.FakeRecorder) (all []string) {
	for len(recorder.Events) > 0 {
		all = append(all, <-recorder.Events)
	}

	return all
}

func TestEventsTellWhatChangedAndNothingTwice(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}))
	w.events = events.NewFakeRecorder(100)
	w.settle()
	require.ElementsMatch(t, []string{
		"Normal Ready the tenant can be used, in namespace tenant-root", "Normal Ready the tenant can be used, in namespace tenant-a",
	}, told(w.events))

	w.tree = &tree{} // as after a restart
	w.settle()
	require.Empty(t, told(w.events))

	w.change("tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Etcd = true })
	w.settle()
	require.Equal(t, []string{"Normal ServicesChanged etcd is of tenant-root, and was of nobody"}, told(w.events), "by who runs it, once")

	w.change("tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.Contains(t, told(w.events), "Normal ServicesChanged etcd is of nobody, and was of tenant-root")

	w.change("tenant-root", "a", func(spec *v1alpha1.TenantSpec) { spec.Host = "org" })
	w.settle()
	require.Contains(t, told(w.events)[0], `Warning HostTaken spec.host: "org": another tenant holds a host below this one`)

	w.delete("tenant-root", "a")
	w.settle()
	require.Contains(t, told(w.events)[0], "Normal DeletingNamespace waiting for the namespace to be gone")
}

func TestMetricsCountTenants(t *testing.T) {
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), made("tenant-root", "a", v1alpha1.TenantSpec{}),
		madeAfter(1, made("tenant-root", "taken", v1alpha1.TenantSpec{Host: "a.example.org"})))
	registry := prometheus.NewRegistry()

	var err error

	w.metrics, err = newMetrics(registry)
	require.NoError(t, err)
	w.settle()

	require.Equal(t, map[string]float64{"True True": 2, "False False": 1}, counted(t, registry))

	w.delete("tenant-root", "taken")
	require.NoError(t, w.reconcile(client.ObjectKey{Namespace: "tenant-root", Name: "taken"}))
	require.Equal(t, map[string]float64{"True True": 2, "False False": 0}, counted(t, registry))
}

// counted are the tenants that a scrape shows, by the states of Accepted and Ready. It wants passes over the tree to be shown too.
func counted(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()

	families, err := registry.Gather()
	require.NoError(t, err)

	all, passes := map[string]float64{}, uint64(0)

	for _, family := range families {
		for _, one := range family.GetMetric() {
			switch family.GetName() {
			case "cozy_tenants":
				all[one.GetLabel()[0].GetValue()+" "+one.GetLabel()[1].GetValue()] = one.GetGauge().GetValue()
			case "cozy_tenant_tree_pass_seconds":
				passes = one.GetHistogram().GetSampleCount()
			}
		}
	}

	require.Positive(t, passes)

	return all
}
