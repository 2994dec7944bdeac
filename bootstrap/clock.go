// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/talos"
)

// clockLimit is how far a node's clock may be off this host's. Certificates of Talos and Kubernetes are valid from the
// second in which they are made, so a node behind refuses what another has just signed; etcd warns from one second on. The
// clock of a node in maintenance mode of Talos 1.12 or older is known to a second only, and a call may take two. Two nodes
// that are each within the limit are within twice of it of each other.
const clockLimit = 5 * time.Second

// clockFacts is how right a node's clock is.
type clockFacts struct {
	status    talos.TimeStatus
	statusErr error
	offset    time.Duration // of the node, ahead of this host
	offsetErr error         // why that is not known
}

func askClock(ctx context.Context, client *talos.Client, f *nodeFacts, clocks *timeServer) {
	f.clock = readTimeStatus(ctx, client)
	f.clock.compare(ctx, client, clocks)
}

func readTimeStatus(ctx context.Context, client *talos.Client) (out clockFacts) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	out.status, out.statusErr = client.TimeStatus(ctx)
	return out
}

// compare compares a node's clock with ours, by our own time server, or by the first of the node's own where that one
// can't be reached from the node.
func (c *clockFacts) compare(ctx context.Context, client *talos.Client, clocks *timeServer) {
	if errors.Is(c.statusErr, talos.ErrUnavailable) {
		c.offsetErr = c.statusErr
		return // nobody is there to be asked more
	}
	var asked []string
	if ours, err := clocks.at(client.Addr().Addr()); err == nil {
		asked = append(asked, ours)
	}
	if len(c.status.Servers) > 0 {
		asked = append(asked, c.status.Servers[0])
	}
	c.offsetErr = errors.New("there is no time server to ask")
	for _, server := range asked {
		reading, err := client.Clock(ctx, server)
		c.offsetErr = err
		if err == nil {
			c.offset = reading.Offset()
			return
		}
	}
}

// judgeClock finds a clock wrong that is off, or that the node itself does not hold for right.
func judgeClock(_ siteFacts, f *nodeFacts) (state, reason string) {
	c := f.clock
	switch {
	case c.offsetErr == nil && c.isOff():
		return failed("%s; %s", c.howFar(), c.whoKeeps())
	case c.statusErr == nil && !c.status.Synced && !c.status.Disabled:
		return failed("%s", c.whoKeeps())
	case c.offsetErr != nil:
		return unanswered(c.offsetErr)
	}
	return passed()
}

func (c clockFacts) isOff() bool { return c.offset.Abs() > clockLimit }

func (c clockFacts) howFar() string {
	off := c.offset.Round(100 * time.Millisecond)
	if off < 0 {
		return fmt.Sprintf("%s behind this host's clock", -off)
	}
	return fmt.Sprintf("%s ahead of this host's clock", off)
}

// whoKeeps says whether the node keeps its clock right, and by which servers.
func (c clockFacts) whoKeeps() string {
	servers := "no time servers"
	if len(c.status.Servers) > 0 {
		servers = "time servers " + strings.Join(c.status.Servers, ", ")
	}
	switch {
	case c.statusErr != nil:
		return "how it keeps time is not known: " + c.statusErr.Error()
	case c.status.Disabled:
		return "time synchronisation is off"
	case c.status.Synced:
		return "in sync with " + servers
	}
	return "not in sync with " + servers
}

// ClockSkewError says that the clock of a node is wrong.
type ClockSkewError struct {
	Node string
	// Offset is how far it is ahead of this host's clock, negative when it is behind.
	Offset time.Duration
	// How is that in words, with the node's time servers.
	How string
	// Synced: the node holds its clock for right.
	Synced bool
}

func (e *ClockSkewError) Error() string { return fmt.Sprintf("the clock of %s is %s", e.Node, e.How) }

// Hint says which clock to set.
func (e *ClockSkewError) Hint() string {
	if e.Synced {
		return "one of the two clocks is wrong: compare this host's with the node's time servers, e.g. chronyc tracking; then run up again"
	}
	return "the node reaches none of its time servers: let it, or give servers on the node network by DHCP (option 42) and in network.ntpServers; or set the clock in the firmware; then run up again"
}
