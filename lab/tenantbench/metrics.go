// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sample is what the controller counted since it started.
type sample struct {
	reconciles, passes float64
	requests           map[string]float64 // by HTTP method
	memory             float64            // resident, in bytes
}

// since is what was counted between two samples. Memory is that of the later one.
func (s sample) since(before sample) sample {
	s.reconciles -= before.reconciles
	s.passes -= before.passes
	s.requests = maps.Clone(s.requests)

	for method, count := range before.requests {
		s.requests[method] -= count
	}

	return s
}

// maxMetrics bounds the answer, in bytes.
const maxMetrics = 16 << 20

// sample asks the controller.
func (r *rig) sample(ctx context.Context) (sample, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.metrics+"/metrics", nil)
	if err != nil {
		return sample{}, err
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return sample{}, fmt.Errorf("ask the controller for its metrics: %w", err)
	}
	defer response.Body.Close()

	parser := expfmt.NewTextParser(model.UTF8Validation)

	families, err := parser.TextToMetricFamilies(io.LimitReader(response.Body, maxMetrics))
	if err != nil {
		return sample{}, fmt.Errorf("read the controller's metrics: %w", err)
	}

	return read(families)
}

// read takes out what a sample has. A metric that is missing is an error, and not zero.
func read(families map[string]*dto.MetricFamily) (sample, error) {
	for _, name := range []string{"controller_runtime_reconcile_total", "rest_client_requests_total", "process_resident_memory_bytes"} {
		if families[name] == nil {
			return sample{}, fmt.Errorf("the controller has no metric %s", name)
		}
	}

	out := sample{requests: map[string]float64{}}

	for _, one := range families["controller_runtime_reconcile_total"].GetMetric() {
		switch label(one, "controller") {
		case "tenant":
			out.reconciles += one.GetCounter().GetValue()
		case "tenant-tree":
			out.passes += one.GetCounter().GetValue()
		}
	}

	for _, one := range families["rest_client_requests_total"].GetMetric() {
		out.requests[label(one, "method")] += one.GetCounter().GetValue()
	}

	out.memory = families["process_resident_memory_bytes"].GetMetric()[0].GetGauge().GetValue()

	return out, nil
}

func label(of *dto.Metric, name string) string {
	for _, one := range of.GetLabel() {
		if one.GetName() == name {
			return one.GetValue()
		}
	}

	return ""
}
