// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/talos"
)

const (
	// clockPatience is how long a node may take to set its clock after it started: Talos asks its time servers within
	// seconds of having a network, and a firmware's clock may be hours off before that.
	clockPatience = 45 * time.Second
	// clockEvery is the pause between two looks: each takes a node a question to a time server.
	clockEvery = 2 * time.Second
	// clockReading bounds one look at one clock: Talos 1.12 and older tell the time every half minute in maintenance mode.
	clockReading = 45 * time.Second
)

// dialer gives a client for a node, in maintenance mode or after, and what to do when it is no longer needed.
type dialer func(context.Context, site.Node) (*talos.Client, func(), error)

// awaitClocks waits until the clocks of nodes are right: *ClockSkewError names those that are not. Where a node goes by a wrong
// clock and holds it for right, waiting would not help. A clock that can't be read is told and passed over: Talos itself
// refuses to bootstrap etcd on a node that is not in sync.
func (b *bringup) awaitClocks(ctx context.Context, say phase.Say, nodes []site.Node, dial dialer) error {
	clocks, err := serveTime(ctx)
	if err != nil {
		return err
	}
	defer clocks.close()
	unread := map[string]bool{}
	return wait.Until(ctx, wait.Check{
		Title: "the clocks of the nodes to be right", Interval: clockEvery, Timeout: min(clockPatience, b.opts.nodeTimeout()),
		Failed: b.tells(say),
		Probe: func(ctx context.Context) error {
			read := b.readClocks(ctx, nodes, dial, clocks)
			for _, node := range nodes {
				clock := read[node.Name]
				silent := errors.Is(clock.offsetErr, talos.ErrUnavailable) // who does not answer is somebody else's matter
				if clock.offsetErr != nil && !silent && !unread[node.Name] {
					unread[node.Name] = true
					say("the clock of %s can't be read: %v", node.Name, clock.offsetErr)
				}
			}
			return clocksRight(nodes, read)
		},
	})
}

// readClocks reads the clocks of nodes side by side. A machine that tells its time only now and then is waited for without
// holding up the others.
func (b *bringup) readClocks(ctx context.Context, nodes []site.Node, dial dialer, clocks *timeServer) map[string]clockFacts {
	var lock sync.Mutex
	out := make(map[string]clockFacts, len(nodes))
	group := errgroup.Group{}
	group.SetLimit(knocksAtOnce)
	for _, node := range nodes {
		group.Go(func() error {
			facts := b.readClockOf(ctx, node, dial, clocks)
			lock.Lock()
			defer lock.Unlock()
			out[node.Name] = facts
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return out
}

func (b *bringup) readClockOf(ctx context.Context, node site.Node, dial dialer, clocks *timeServer) clockFacts {
	b.turns <- struct{}{} // while the connection is made
	client, done, err := dial(ctx, node)
	if err != nil {
		<-b.turns
		return clockFacts{statusErr: err, offsetErr: err}
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, clockReading)
	defer cancel()
	facts := readTimeStatus(ctx, client)
	<-b.turns
	facts.compare(ctx, client, clocks)
	return facts
}

// clocksRight joins a *ClockSkewError for each node whose clock is known to be off. It is final if none of them will be set by
// its node.
func clocksRight(nodes []site.Node, read map[string]clockFacts) error {
	var errs []error
	hope := false
	for _, node := range nodes {
		clock := read[node.Name]
		if clock.offsetErr != nil || !clock.isOff() {
			continue
		}
		synced := clock.statusErr == nil && clock.status.Synced
		hope = hope || clock.statusErr == nil && !clock.status.Synced && !clock.status.Disabled
		errs = append(errs, &ClockSkewError{
			Node: node.Name, Offset: clock.offset, How: clock.howFar() + "; " + clock.whoKeeps(), Synced: synced,
		})
	}
	err := errors.Join(errs...)
	if err != nil && !hope {
		return wait.Final(err)
	}
	return err
}
