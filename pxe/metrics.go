// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cozystack/cozy-install/pxe/dhcp"
	"github.com/cozystack/cozy-install/pxe/httpboot"
	"github.com/cozystack/cozy-install/pxe/tftp"
)

// metrics are the server's, for Prometheus. No label holds what a machine said of itself, since anybody could then make
// as many as he likes.
type metrics struct {
	registry  *prometheus.Registry
	packets   *prometheus.CounterVec
	transfers *prometheus.CounterVec
	sent      *prometheus.CounterVec
	resent    prometheus.Counter
	scripts   *prometheus.CounterVec
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		packets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cozy_netboot_dhcp_packets_total", Help: "DHCP packets of machines, by message, port and whether they were answered.",
		}, []string{"message", "port", "answered"}),
		transfers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cozy_netboot_transfers_total", Help: "Files asked for, by protocol and result: whole, part, size, absent, failed.",
		}, []string{"protocol", "result"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cozy_netboot_sent_bytes_total", Help: "Bytes of files sent, by protocol.",
		}, []string{"protocol"}),
		resent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cozy_netboot_tftp_resent_blocks_total", Help: "TFTP blocks sent again because they or their acknowledgements were lost.",
		}),
		scripts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cozy_netboot_scripts_total", Help: "Boot scripts asked for, by what was decided.",
		}, []string{"action"}),
	}
	m.registry.MustRegister(m.packets, m.transfers, m.sent, m.resent, m.scripts, state{s})
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

func (m *metrics) packet(r dhcp.Request, answered bool) {
	message, port := r.Message.String(), "67"
	if r.Message > dhcp.Inform {
		message = "other"
	}
	if r.Service == dhcp.ServiceBoot {
		port = "4011"
	}
	m.packets.WithLabelValues(message, port, strconv.FormatBool(answered)).Inc()
}

func (m *metrics) transfer(t tftp.Transfer) {
	m.sent.WithLabelValues("tftp").Add(float64(t.Sent))
	m.resent.Add(float64(t.Resent))
	result := "whole"
	switch {
	case t.Probe:
		result = "size"
	case t.Err != nil && t.Size == 0:
		result = "absent"
	case t.Err != nil:
		result = "failed"
	}
	m.transfers.WithLabelValues("tftp", result).Inc()
}

func (m *metrics) fetch(f httpboot.Fetch) {
	m.sent.WithLabelValues("http").Add(float64(f.Sent))
	result := "part"
	switch {
	case f.Head:
		result = "size"
	case f.Whole:
		result = "whole"
	}
	m.transfers.WithLabelValues("http", result).Inc()
}

func (m *metrics) script(action Action) { m.scripts.WithLabelValues(string(action)).Inc() }

// state collects what the server knows when it is asked.
type state struct{ server *Server }

// Describe is part of prometheus.Collector.
func (state) Describe(to chan<- *prometheus.Desc) {
	to <- machinesDesc()
	to <- droppedDesc()
	to <- noticesDesc()
}

// Collect is part of prometheus.Collector.
func (s state) Collect(to chan<- prometheus.Metric) {
	for of, count := range s.server.history.census() {
		to <- prometheus.MustNewConstMetric(machinesDesc(), prometheus.GaugeValue, float64(count), string(of.stage), strconv.FormatBool(of.known))
	}
	to <- prometheus.MustNewConstMetric(droppedDesc(), prometheus.CounterValue, float64(s.server.limiter.Dropped()))
	kinds := map[NoticeKind]float64{}
	for _, n := range s.server.Notices() {
		kinds[n.Kind]++
	}
	for kind, count := range kinds {
		to <- prometheus.MustNewConstMetric(noticesDesc(), prometheus.GaugeValue, count, string(kind))
	}
}

func machinesDesc() *prometheus.Desc {
	return prometheus.NewDesc("cozy_netboot_machines", "Network cards seen, by stage of their boot and whether they are of the site.",
		[]string{"stage", "known"}, nil)
}

func droppedDesc() *prometheus.Desc {
	return prometheus.NewDesc("cozy_netboot_dhcp_dropped_total", "DHCP packets that were not looked at, for one machine or all strangers sent too many.", nil, nil)
}

func noticesDesc() *prometheus.Desc {
	return prometheus.NewDesc("cozy_netboot_notices", "What was noticed on the network, by kind.", []string{"kind"}, nil)
}
