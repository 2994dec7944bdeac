// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/load"
)

// The limits that the product promises.
const (
	maxOverhead = 0.05      // of the slowest node's own time
	maxMemory   = 300 << 20 // bytes resident, for 500 nodes
)

// head explains the columns, and says how busy the machine was before.
func head(speed float64) string {
	return fmt.Sprintf(`cozy-install up on simulated machines over loopback, from power-on until every node has registered in Kubernetes. The
machines' clock runs at %g times the speed of the world, on the same processors. Load average before: %s.
A node's own time is from power-on to maintenance mode, from its config until its containers can run, and from etcd's bootstrap
until it has registered and, as a control plane, serves the Kubernetes API. The rest it waits: for its config, for etcd's
bootstrap, and for the program to see that it is up.

| nodes | up s | slowest node's own s | its waits s | overhead | limit | peak memory MiB | limit | up's CPU s |
|---|---|---|---|---|---|---|---|---|
`, speed, load.Average())
}

// report is what a bring-up came to.
type report struct {
	nodes  int
	took   time.Duration // of the program, from its start, which is when the machines were switched on
	own    own           // of the slowest node
	memory int64         // the program's peak, in bytes
	cpu    time.Duration // of the program
}

func (r report) overhead() float64 { return float64(r.took-r.own.time) / float64(r.own.time) }

// String is a row of the table.
func (r report) String() string {
	waits := []time.Duration{r.own.config, r.own.bootstrap, r.took - r.own.time - r.own.config - r.own.bootstrap}

	return fmt.Sprintf("| %d | %.1f | %.1f | %.1f, %.1f, %.1f | %.1f%% | %.0f%% | %d | %d | %.1f |", r.nodes, r.took.Seconds(),
		r.own.time.Seconds(), waits[0].Seconds(), waits[1].Seconds(), waits[2].Seconds(), 100*r.overhead(), 100*maxOverhead, r.memory>>20, maxMemory>>20, r.cpu.Seconds())
}

// missed names the limits that do not hold: nil if all do.
func (r report) missed() error {
	var errs []error
	if r.overhead() >= maxOverhead {
		errs = append(errs, fmt.Errorf("%d nodes: the overhead is %.1f%%, the limit %.0f%%", r.nodes, 100*r.overhead(), 100*maxOverhead))
	}

	if r.memory >= maxMemory {
		errs = append(errs, fmt.Errorf("%d nodes: the peak memory is %d MiB, the limit %d", r.nodes, r.memory>>20, maxMemory>>20))
	}

	return errors.Join(errs...)
}

// own is a node's own time, and how long it waited for the program before its config and before etcd's bootstrap.
type own struct{ time, config, bootstrap time.Duration }

// marks are the moments at which a node waits for the program, or stops to. It is up when it has registered and, as a
// control plane, serves the Kubernetes API, which it does later where another one did first.
type marks struct{ maintenance, installing, configured, registered, up time.Time }

// read takes the marks out of what happened, by machine, and when etcd was bootstrapped first.
func read(events []fleet.Event) (nodes map[string]*marks, bootstrap time.Time) {
	nodes = map[string]*marks{}

	for _, e := range events {
		node := nodes[e.Machine]
		if node == nil {
			node = &marks{}
			nodes[e.Machine] = node
		}

		switch {
		case e.Kind == "maintenance":
			node.maintenance = e.Time
		case e.Kind == "state" && e.Details["to"] == string(fleet.Installing):
			node.installing = e.Time
		case e.Kind == "configured":
			node.configured = e.Time
		case e.Kind == "bootstrap" && bootstrap.IsZero():
			bootstrap = e.Time
		case e.Kind == "node":
			node.registered, node.up = e.Time, e.Time
		case e.Kind == "control-plane":
			node.up = e.Time
		}
	}

	return nodes, bootstrap
}

// slowestOwn is the longest of the nodes' own times. Containers can run a while after a machine is back with its config,
// and not before that can etcd be bootstrapped there.
func slowestOwn(events []fleet.Event, on time.Time, containers time.Duration) (slowest own, err error) {
	nodes, bootstrap := read(events)

	for name, node := range nodes {
		if node.maintenance.IsZero() || node.installing.IsZero() || node.configured.IsZero() || node.registered.IsZero() || bootstrap.IsZero() {
			return own{}, fmt.Errorf("machine %s did not do all that a bring-up takes", name)
		}

		ready := node.configured.Add(containers)
		now := own{config: node.installing.Sub(node.maintenance), bootstrap: max(0, bootstrap.Sub(ready))}

		since := ready
		if bootstrap.After(since) {
			since = bootstrap
		}

		now.time = node.maintenance.Sub(on) + ready.Sub(node.installing) + node.up.Sub(since)
		if now.time > slowest.time {
			slowest = now
		}
	}

	return slowest, nil
}
