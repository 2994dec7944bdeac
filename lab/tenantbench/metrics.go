// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/lab/frame"
)

// sample is what the controller counted since it started.
type sample struct {
	// reconciles and passes are of tenants one by one and of the whole tree.
	reconciles, passes float64
	// passing is how long the passes took, in seconds.
	passing float64
	// requests are those to the API server, by HTTP method.
	requests map[string]float64
	// cpu is in seconds, of the user and of the system.
	cpu float64
	// heap is what of Go's heap was in use after the last collection, and peak the most that was ever resident, in bytes.
	heap, peak float64
}

// since is what was counted between two samples. Memory is that of the later one.
func (s sample) since(before sample) sample {
	s.reconciles -= before.reconciles
	s.passes -= before.passes
	s.passing -= before.passing
	s.cpu -= before.cpu
	s.requests = maps.Clone(s.requests)

	for method, count := range before.requests {
		s.requests[method] -= count
	}

	return s
}

func (s sample) writes() float64 {
	return s.requests["POST"] + s.requests["PUT"] + s.requests["PATCH"] + s.requests["DELETE"]
}

func (s sample) all() (sum float64) {
	for _, count := range s.requests {
		sum += count
	}

	return sum
}

// still is how long nothing may be counted until all is taken to be done: events are sent a moment after what they tell.
const still = time.Second

// settled waits until the controller has nothing left to do.
func (r *rig) settled(ctx context.Context) (sample, error) {
	last := sample{reconciles: -1}

	err := wait.Until(ctx, wait.Check{
		Title: "the controller is done", Interval: still, Timeout: 5 * time.Minute,
		Probe: func(ctx context.Context) error {
			before := last

			var err error
			if last, err = r.sample(ctx); err != nil {
				return err
			}

			if last.reconciles != before.reconciles || last.passes != before.passes || last.writes() != before.writes() {
				return fmt.Errorf("%.0f reconciles, %.0f passes and %.0f writes so far", last.reconciles, last.passes, last.writes())
			}

			return nil
		},
	})

	return last, err
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

	taken, err := read(families)
	if err != nil {
		return sample{}, err
	}

	peak, err := frame.PeakMemory(r.pid)
	taken.peak = float64(peak)

	return taken, err
}

// read takes out what a sample has. A metric that is missing is an error, and not zero.
func read(families map[string]*dto.MetricFamily) (sample, error) {
	const (
		reconciles = "controller_runtime_reconcile_total"
		passing    = "cozy_tenant_tree_pass_seconds"
		requests   = "rest_client_requests_total"
		cpu        = "process_cpu_seconds_total"
		goal       = "go_memstats_next_gc_bytes"
		percent    = "go_gc_gogc_percent"
	)

	for _, name := range []string{reconciles, passing, requests, cpu, goal, percent} {
		if len(families[name].GetMetric()) == 0 {
			return sample{}, fmt.Errorf("the controller has no metric %s", name)
		}
	}

	out := sample{
		passing: families[passing].GetMetric()[0].GetHistogram().GetSampleSum(), requests: map[string]float64{},
		cpu: families[cpu].GetMetric()[0].GetCounter().GetValue(),
	}

	for _, one := range families[reconciles].GetMetric() {
		switch label(one, "controller") {
		case "tenant":
			out.reconciles += one.GetCounter().GetValue()
		case "tenant-tree":
			out.passes += one.GetCounter().GetValue()
		}
	}

	for _, one := range families[requests].GetMetric() {
		out.requests[label(one, "method")] += one.GetCounter().GetValue()
	}

	// The goal of the next collection is what the last one left, and as many hundredths of it more.
	out.heap = families[goal].GetMetric()[0].GetGauge().GetValue() / (1 + families[percent].GetMetric()[0].GetGauge().GetValue()/100)

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
