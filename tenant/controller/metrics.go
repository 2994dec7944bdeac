// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// metrics are the controller's own numbers, beside those that controller-runtime keeps of queues and requests. Nil counts nothing.
type metrics struct {
	// tenants counts them by the states of Accepted and Ready.
	tenants *prometheus.GaugeVec
	// pass is how long the tree took to be resolved, and to be handed out.
	pass prometheus.Histogram

	mu     sync.Mutex
	states map[types.NamespacedName][2]string
}

// newMetrics makes them, and has them shown by a registry. Nil: they are shown by nobody.
func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		tenants: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cozy_tenants", Help: "Tenants by the status of their conditions Accepted and Ready.",
		}, []string{"accepted", "ready"}),
		pass: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cozy_tenant_tree_pass_seconds", Help: "Time to resolve all tenants once and to hand out those that changed.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8), // 1 ms to 16 s
		}),
		states: map[types.NamespacedName][2]string{},
	}

	if registry == nil {
		return m, nil
	}

	if err := errors.Join(registry.Register(m.tenants), registry.Register(m.pass)); err != nil {
		return nil, fmt.Errorf("register the metrics of tenants: %w", err)
	}

	return m, nil
}

// count takes what is known of a tenant now.
func (m *metrics) count(key types.NamespacedName, status v1alpha1.TenantStatus) {
	if m == nil {
		return
	}

	accepted, ready := find(status, v1alpha1.ConditionAccepted).Status, find(status, v1alpha1.ConditionReady).Status
	m.move(key, &[2]string{string(accepted), string(ready)})
}

// forget takes a tenant out that is gone.
func (m *metrics) forget(key types.NamespacedName) {
	if m != nil {
		m.move(key, nil)
	}
}

// passed takes that the tree was gone through, from a time until now.
func (m *metrics) passed(began time.Time) {
	if m != nil {
		m.pass.Observe(time.Since(began).Seconds())
	}
}

func (m *metrics) move(key types.NamespacedName, now *[2]string) {
	m.mu.Lock()
	defer m.mu.Unlock()

	before, isKnown := m.states[key]
	if isKnown && now != nil && before == *now {
		return
	}

	if isKnown {
		m.tenants.WithLabelValues(before[:]...).Dec()
		delete(m.states, key)
	}

	if now != nil {
		m.tenants.WithLabelValues(now[:]...).Inc()
		m.states[key] = *now
	}
}
