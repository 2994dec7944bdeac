// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Watch listens for the answers of other DHCP and ProxyDHCP servers on an interface until ctx ends, and then returns
// nil. It hears broadcasts, and what is sent to this host; a switch keeps the rest from us. What this host's own servers
// say is not heard. Each answer is told to the function, in order; the next one waits for it, and is lost when that
// takes long. A link that goes down and comes up again does not end it. It needs CAP_NET_RAW: *NotPermittedError.
func Watch(ctx context.Context, iface net.Interface, tell func(Heard)) error {
	const doing = "watch for other DHCP servers"
	conn, closing, err := listenRaw(ctx, doing, iface, etherIPv4, fromServers())
	if err != nil {
		return err
	}
	defer closing()
	for {
		frame, mac, err := conn.next(ctx)
		if errors.Is(err, errQuiet) {
			return nil
		}
		if errors.Is(err, syscall.ENETDOWN) {
			continue // told once; the socket hears again when the link is up
		}
		if err != nil {
			return fmt.Errorf("%s on %s: %w", doing, iface.Name, err)
		}
		d, ok := readUDP(frame, mac)
		if !ok {
			continue
		}
		if h, _, ok := hear(d, time.Now()); ok {
			tell(h)
		}
	}
}
