// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"golang.org/x/sync/errgroup"
)

// maxPacket is above every Ethernet payload: longer packets are cut and then refused by Parse.
const maxPacket = 2048

// Handler decides about one request; false means no answer. It is called from several goroutines, one per socket, and
// the next request waits for it.
type Handler func(Request) (Reply, bool)

// Serve answers requests until ctx ends, then closes the connection and returns nil. RelayPort is where relays expect
// answers: the DHCP port of this server. Log must not be nil.
func (c *Conn) Serve(ctx context.Context, relayPort uint16, handle Handler, log *slog.Logger) error {
	stop := context.AfterFunc(ctx, c.Close)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, socket := range c.sockets {
		group.Go(func() error {
			defer c.Close() // a failed socket ends the others
			return c.serve(ctx, socket, relayPort, handle, log)
		})
	}
	return group.Wait()
}

func (c *Conn) serve(ctx context.Context, socket *net.UDPConn, relayPort uint16, handle Handler, log *slog.Logger) error {
	buffer := make([]byte, maxPacket)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return nil // Close ends Serve
		}
		if err != nil {
			return fmt.Errorf("receive DHCP packets on %s: %w", socket.LocalAddr(), err)
		}
		request, err := Parse(buffer[:n], from, c.service)
		if err != nil {
			log.DebugContext(ctx, "DHCP packet ignored", "reason", err)
			continue
		}
		reply, answered := handle(request)
		if !answered {
			continue
		}
		if err := c.send(request, reply, relayPort); err != nil {
			log.WarnContext(ctx, "DHCP answer not sent", "mac", request.MAC.String(), "error", err)
		}
	}
}

func (c *Conn) send(request Request, reply Reply, relayPort uint16) error {
	payload, err := request.Encode(c.address, reply)
	if err != nil {
		return err
	}
	to := request.Destination(relayPort)
	if _, err := c.sockets[0].WriteToUDPAddrPort(payload, to); err != nil {
		return fmt.Errorf("send to %s: %w", to, err)
	}
	return nil
}
