// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

func TestTenantsAreInChainsFourLong(t *testing.T) {
	for _, size := range []int{1, 4, 10, 100, 1000} {
		f := forest{size}
		made := map[string]bool{}

		var grow func(i, level int)

		grow = func(i, level int) {
			namespace := tenant.Namespace(f.home(i), f.name(i))
			require.False(t, made[namespace], namespace)
			made[namespace] = true

			require.LessOrEqual(t, level, depth)

			if below, isThere := f.next(i); isThere {
				require.Equal(t, namespace, f.home(below))
				grow(below, level+1)
			}
		}

		for i := range f.chains() {
			require.Equal(t, tenant.RootNamespace, f.home(i))
			grow(i, 1)
		}

		require.Len(t, made, size)
	}
}

func TestCostsThatGrowFasterThanTheTreeMissTheLimit(t *testing.T) {
	ten := point{size: 10, reconciles: 20, requests: map[string]float64{"PATCH": 200}}
	linear := point{size: 1000, reconciles: 2000, requests: map[string]float64{"PATCH": 20_000}, change: time.Second}
	require.NoError(t, curve{ten, linear}.missed())

	more := linear
	more.reconciles = 3000
	require.ErrorContains(t, curve{ten, more}.missed(), "reconciles of each tenant: 2.00 with 10 tenants, 3.00 with 1000")

	more = linear
	more.requests = map[string]float64{"GET": 10_000, "PATCH": 20_000}
	require.ErrorContains(t, curve{ten, more}.missed(), "requests of each tenant: 20.00 with 10 tenants, 30.00 with 1000")

	more = linear
	more.change = 6 * time.Second
	require.ErrorContains(t, curve{ten, more}.missed(), "took 6.00 s to reach 1000 tenants, the limit is 5s")
}

func TestAMissingMetricIsNotZero(t *testing.T) {
	_, err := read(map[string]*dto.MetricFamily{})
	require.ErrorContains(t, err, "controller_runtime_reconcile_total")
}
