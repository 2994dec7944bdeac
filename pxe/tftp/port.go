// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	// batchSize is how many packets one system call takes or sends.
	batchSize = 64
	// maxPacket is above every request and acknowledgement (RFC 2347: 512 bytes). Longer packets are cut.
	maxPacket = 1024
	// receiveBuffer holds an acknowledgement of each transfer; Linux counts 768 bytes for one, and cuts this to its
	// own limit (net.core.rmem_max).
	receiveBuffer = 4 << 20
)

// port is one socket with the transfers that leave from it. One goroutine reads it.
type port struct {
	conn   *net.UDPConn
	in     *inbox
	server *Server
	// asked takes requests; nil on a port that they don't come to.
	asked func(packet []byte, from netip.AddrPort, now time.Time)

	mu        sync.Mutex
	transfers map[netip.AddrPort]*transfer
	out       *outbox
	isEnding  bool
	finished  []Transfer // to be told when the lock is free
}

func newPort(conn *net.UDPConn, server *Server) (*port, error) {
	_ = conn.SetReadBuffer(receiveBuffer) // a wish: with less, packets are lost under load and sent again
	in, inErr := newInbox(conn)
	out, outErr := newOutbox(conn)
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, fmt.Errorf("use the TFTP port %s: %w", conn.LocalAddr(), err)
	}
	return &port{conn: conn, in: in, server: server, transfers: map[netip.AddrPort]*transfer{}, out: out}, nil
}

// run reads the port until ctx ends, then ends its transfers, closes it and returns nil.
func (p *port) run(ctx context.Context) (err error) {
	stop := context.AfterFunc(ctx, func() { _ = p.conn.SetReadDeadline(time.Unix(1, 0)) }) // wakes the reader
	defer stop()
	for ctx.Err() == nil {
		var n int
		n, err = p.in.read()
		now := time.Now()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = p.tick(now)
		case err == nil:
			p.take(n, now)
		}
		if err != nil {
			break
		}
	}
	p.end(context.Cause(ctx))
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("receive TFTP packets on %s: %w", p.conn.LocalAddr(), errors.Join(err, p.conn.Close()))
	}
	return p.conn.Close()
}

// take takes the packets that were read: requests first, because they lock for themselves.
func (p *port) take(count int, now time.Time) {
	others := 0
	for i := range count {
		packet, from := p.in.packet(i)
		switch {
		case !isRequest(packet):
			others++
		case p.asked != nil:
			p.asked(packet, from, now)
		}
	}
	if others == 0 {
		return
	}
	p.locked(func() {
		for i := range count {
			packet, from := p.in.packet(i)
			if isRequest(packet) {
				continue
			}
			// Packets of no transfer get no answer: RFC 1350 has an error for them, but they are mostly stragglers
			// of an ended one, and the client may be using its port for the next.
			if t := p.transfers[from]; t != nil {
				if isOver, err := t.take(packet, now); isOver {
					p.finish(t, err, now)
				}
			}
		}
	})
}

// isRequest is also true for operations that nobody knows, so that they are refused; but an error is never answered, and
// neither is a straggler of a transfer.
func isRequest(packet []byte) bool {
	if len(packet) < 2 {
		return false
	}
	op := binary.BigEndian.Uint16(packet)
	return op < opData || op > opOACK
}

// tick looks after the transfers, and says when to do so again: never while there are none.
func (p *port) tick(now time.Time) (err error) {
	p.locked(func() {
		for _, t := range p.transfers {
			if isOver, err := t.check(now); isOver {
				p.finish(t, err, now)
			}
		}
		var next time.Time
		if len(p.transfers) > 0 {
			next = now.Add(p.server.pace.tick)
		}
		err = p.conn.SetReadDeadline(next)
	})
	return err
}

// start adds a transfer and sends its first packets. It may be called by another port's goroutine.
func (p *port) start(t *transfer, now time.Time) {
	p.locked(func() {
		if p.isEnding {
			p.finish(t, errStopped, now)
			return
		}
		p.transfers[t.peer] = t
		if len(p.transfers) == 1 {
			// It fails on a closed socket only, whose reader ends all transfers.
			_ = p.conn.SetReadDeadline(now.Add(p.server.pace.tick))
		}
		if err := t.greet(now); err != nil {
			p.finish(t, err, now)
		}
	})
}

// stop ends a transfer that may have ended meanwhile.
func (p *port) stop(t *transfer, reason error, now time.Time) {
	p.locked(func() {
		if !t.ended {
			p.finish(t, reason, now)
		}
	})
}

// refuse answers a request with an error.
func (p *port) refuse(to netip.AddrPort, err error) {
	p.locked(func() { p.out.packet(to, errorPacket(answerTo(err))) })
}

// end ends all transfers.
func (p *port) end(reason error) {
	now := time.Now()
	p.locked(func() {
		p.isEnding = true
		for _, t := range p.transfers {
			p.finish(t, errors.Join(errStopped, reason), now)
		}
	})
}

// finish takes a transfer out. The port is locked.
func (p *port) finish(t *transfer, reason error, now time.Time) {
	delete(p.transfers, t.peer)
	p.out.flush() // it may still point into the transfer's chunk, or send its last blocks before its error
	if isTold(reason) {
		p.out.packet(t.peer, errorPacket(answerTo(reason)))
	}
	t.finish(reason, now)
	p.server.slots.give(t)
	p.finished = append(p.finished, t.report)
}

// locked runs f under the lock, sends what it left in the outbox and then tells whose transfers have ended.
func (p *port) locked(f func()) {
	p.mu.Lock()
	f()
	p.out.flush()
	ended := p.finished
	p.finished = nil
	p.mu.Unlock()
	for _, report := range ended {
		p.server.config.Finished(report)
	}
}
