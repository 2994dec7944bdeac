// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"net/http"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// giveMetrics has the controller started with them.
func (w *world) giveMetrics(t *testing.T) {
	t.Helper()

	w.metrics = freeAddress(t)
	w.flags = append(w.flags, "--metrics-address="+w.metrics)
}

// reconciles is how often the controller has looked at a tenant since it was started.
func (w *world) reconciles(t *testing.T) (times float64) {
	t.Helper()

	answer, err := http.Get("http://" + w.metrics + "/metrics")
	require.NoError(t, err)

	defer func() { require.NoError(t, answer.Body.Close()) }()

	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)

	metric := families["controller_runtime_reconcile_total"]
	require.NotNil(t, metric)

	for _, one := range metric.GetMetric() {
		for _, label := range one.GetLabel() {
			if label.GetName() == "controller" && label.GetValue() == "tenant" {
				times += one.GetCounter().GetValue()
			}
		}
	}

	return times
}
