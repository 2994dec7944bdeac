// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxPacket is above every Ethernet payload: longer packets are cut and then refused by Parse.
const maxPacket = 2048

// Handler decides about one request; false means no answer. It is called from several goroutines at once: one for each
// socket, or more when it may wait.
type Handler func(context.Context, Request) (Reply, bool)

// Serving is how a Conn is served.
type Serving struct {
	Handle Handler
	// RelayPort is where relays expect answers: the DHCP port of this server.
	RelayPort uint16
	// MayWait says that the handler waits, as for a probe of half a second or for a disk. Requests then do not wait for
	// each other, up to 128 at a time of one Conn. False costs a third less of the processor for each request.
	MayWait bool
	// Limiter is shared by all connections of a server. Nil: every request is handled.
	Limiter *Limiter
	// Log must not be nil.
	Log *slog.Logger
}

// maxWaiting bounds the handlers of one Conn that wait. Behind them, requests wait in the socket's queue.
const maxWaiting = 128

// Serve answers requests until ctx ends, then closes the connection and returns nil.
func (c *Conn) Serve(ctx context.Context, serving Serving) error {
	stop := context.AfterFunc(ctx, c.Close)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	var waiting errgroup.Group
	waiting.SetLimit(maxWaiting)
	defer waiting.Wait() //nolint:errcheck // its functions return none
	for _, s := range c.sockets {
		group.Go(func() error {
			defer c.Close() // a failed socket ends the others
			return c.serve(ctx, s, serving, &waiting)
		})
	}
	return group.Wait()
}

func (c *Conn) serve(ctx context.Context, s *socket, serving Serving, waiting *errgroup.Group) error {
	in, out := s.inbox(), s.outbox()
	failed := func(err error) {
		if ctx.Err() == nil {
			serving.Log.WarnContext(ctx, "DHCP answer not sent", "error", err)
		}
	}
	for {
		messages, err := in.read()
		if errors.Is(err, net.ErrClosed) {
			return nil // Close ends Serve
		}
		if err != nil {
			return fmt.Errorf("receive DHCP packets on %s: %w", s.in.LocalAddr(), err)
		}
		for i := range messages {
			payload, from, at, served := in.open(&messages[i])
			if !served || !serving.Limiter.Allow(senderOf(payload), time.Now()) {
				continue
			}
			request, err := Parse(payload, from, c.service)
			if err != nil {
				serving.Log.DebugContext(ctx, "DHCP packet ignored", "reason", err)
				continue
			}
			request.Interface, request.Server = at.Interface.Name, at.Address
			if !serving.MayWait {
				out.answer(ctx, request, at, serving)
				continue
			}
			waiting.Go(func() error {
				own := s.outbox()
				own.answer(ctx, request, at, serving)
				own.flush(failed)
				return nil
			})
		}
		out.flush(failed)
	}
}

// senderOf finds the hardware address (chaddr) where it is in each packet, before anything is spent on reading the rest:
// in a flood, what is not read is soon over. What is too short for one gets nobody's.
func senderOf(payload []byte) net.HardwareAddr {
	const at, size = 28, 6
	if len(payload) < at+size {
		return make(net.HardwareAddr, size)
	}
	return net.HardwareAddr(payload[at : at+size])
}

// answer puts in what the handler decides.
func (b *outbox) answer(ctx context.Context, request Request, at Link, serving Serving) {
	reply, answered := serving.Handle(ctx, request)
	if !answered {
		return
	}
	payload, err := request.Encode(reply)
	if err != nil {
		serving.Log.WarnContext(ctx, "DHCP answer not sent", "error", err)
		return
	}
	b.put(payload, at, request.Destination(reply, serving.RelayPort))
}
