// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/perf"
	timeres "github.com/siderolabs/talos/pkg/machinery/resources/time"
	"google.golang.org/grpc/codes"
)

// TimeStatus is how a node keeps its clock.
type TimeStatus struct {
	// Synced: it is in sync, or was told not to care.
	Synced bool
	// Disabled: nobody keeps it, as in a container.
	Disabled bool
	Servers  []string // NTP servers that the node uses now
}

// TimeStatus reads how the node keeps its clock. It works in maintenance mode and after.
func (c *Client) TimeStatus(ctx context.Context) (TimeStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	status, err := safe.StateGetByID[*timeres.Status](ctx, c.api.COSI, timeres.StatusID)
	if err != nil {
		return TimeStatus{}, c.withhold(ctx, "read the time's status", err)
	}

	found := TimeStatus{Synced: status.TypedSpec().Synced, Disabled: status.TypedSpec().SyncDisabled}

	// There is none until the network is configured, and the rest is worth telling all the same.
	if servers, err := safe.StateGetByID[*network.TimeServerStatus](ctx, c.api.COSI, network.TimeServerID); err == nil {
		names := servers.TypedSpec().NTPServers
		found.Servers = fields(names[:min(len(names), maxItems)])
	}

	return found, nil
}

// ClockReading is what a node's clock showed at some moment between two of ours.
type ClockReading struct{ Node, Before, After time.Time }

// Offset is how far the node's clock is ahead of ours, negative when it is behind; 0 if it is right as far as can be told.
func (r ClockReading) Offset() time.Duration {
	switch {
	case r.Node.After(r.After):
		return r.Node.Sub(r.After)
	case r.Node.Before(r.Before):
		return r.Node.Sub(r.Before)
	default:
		return 0
	}
}

const (
	// statsEvery is how often Talos measures its load (updateInterval of its perf controllers, 1.11 to 1.13).
	statsEvery = 30 * time.Second
	// clockTimeout bounds a reading: a node asks an NTP server for five seconds.
	clockTimeout = 10 * time.Second
)

// Clock reads the node's clock. The Talos API tells it only beside an NTP server's: server is one that the node can reach,
// with or without a port. A configured node is asked so, and one in maintenance mode from 1.13 on, where the call is open
// to readers. The smaller maintenance service of 1.11 and 1.12 has no such call: there the time at which the node next
// writes down its load is taken, which it does every half minute.
func (c *Client) Clock(ctx context.Context, server string) (ClockReading, error) {
	asked, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()

	reading := ClockReading{Before: time.Now()}
	reply, err := c.api.TimeCheck(asked, server)
	reading.After = time.Now()

	switch {
	case err == nil:
		for _, message := range reply.GetMessages() {
			reading.Node = message.GetLocaltime().AsTime()
		}

		return reading, nil
	case client.StatusCode(err) == codes.Unimplemented:
		return c.nextStats(ctx)
	default:
		return ClockReading{}, c.withhold(asked, "read the clock", err)
	}
}

// nextStats waits until the node has measured its load, which it dates by its own clock.
func (c *Client) nextStats(ctx context.Context) (ClockReading, error) {
	ctx, cancel := context.WithTimeout(ctx, statsEvery+clockTimeout)
	defer cancel()

	events := make(chan safe.WrappedStateEvent[*perf.CPU])
	stats := perf.NewCPU().Metadata()

	if err := safe.StateWatch(ctx, c.api.COSI, stats, events); err != nil {
		return ClockReading{}, c.withhold(ctx, "read the clock", err)
	}

	for {
		select {
		case <-ctx.Done():
			return ClockReading{}, c.fail(ctx, "read the clock", ctx.Err(), nil)
		case event := <-events:
			if event.Type() == state.Errored {
				return ClockReading{}, c.withhold(ctx, "read the clock", event.Error())
			}

			load, err := event.Resource()
			if err != nil || event.Type() != state.Updated {
				continue // how it is at the start of the watch
			}

			now := time.Now() // the node tells at once

			return ClockReading{Node: load.Metadata().Updated(), Before: now, After: now}, nil
		}
	}
}
