// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// transfer is one file on its way to one client. All but the first fields belong to the port's lock.
type transfer struct {
	port     *port
	peer     netip.AddrPort
	request  string // the packet that asked for it
	began    time.Time
	limit    time.Duration
	answered atomic.Bool // the client has answered: it is no made-up address

	report  Transfer
	tsize   bool
	oack    []byte // nil: the client gave no options
	control []byte // segmentControl of a block
	sender  sender
	content content
	ended   bool
}

// greet sends the first packets.
func (t *transfer) greet(now time.Time) error {
	if t.oack == nil {
		return t.send(now)
	}
	t.port.out.packet(t.peer, t.oack)
	t.sender.greeted(now)
	return nil
}

// send sends the blocks that are due.
func (t *transfer) send(now time.Time) error {
	from, to, again := t.sender.next(now)
	t.report.Resent += again
	size := int64(t.report.BlockSize)
	start, end := (from-1)*size, min(to*size, t.content.size)
	if !t.content.holds(start, end) {
		t.port.out.flush() // it may still point into the chunk
		if err := t.content.read(start); err != nil {
			return err
		}
		if !t.content.holds(start, end) {
			return fmt.Errorf("%w: it became shorter", errUnread)
		}
	}
	data := t.content.chunk[start-t.content.at : end-t.content.at]
	t.port.out.blocks(t.peer, from, data, int(to-from+1), t.report.BlockSize, t.control)
	return nil
}

// repeat sends the last packets again.
func (t *transfer) repeat(now time.Time) error {
	if t.sender.greeting {
		t.port.out.packet(t.peer, t.oack)
		t.sender.greeted(now)
		return nil
	}
	return t.send(now)
}

// take takes a packet from the client. It returns true with a reason, or none, when the transfer is over.
func (t *transfer) take(packet []byte, now time.Time) (isOver bool, err error) {
	if len(packet) < 4 {
		return false, nil
	}
	number := binary.BigEndian.Uint16(packet[2:])
	switch binary.BigEndian.Uint16(packet) {
	case opAck:
		if !t.sender.ack(number, now) {
			return false, nil
		}
		t.answered.Store(true)
		if t.sender.done() {
			return true, nil
		}
		err := t.send(now)
		return err != nil, err
	case opError:
		text := packet[4:]
		if len(text) > 0 && text[len(text)-1] == 0 {
			text = text[:len(text)-1]
		}
		return true, &AbortedError{Code: number, Text: string(text[:min(len(text), maxAbortText)])}
	}
	return false, nil // nothing else comes from one who reads
}

const maxAbortText = 128

// check is called now and then. It sends again what is overdue.
func (t *transfer) check(now time.Time) (isOver bool, err error) {
	switch {
	case now.Sub(t.began) >= t.limit:
		return true, errSlow
	case t.sender.silent(now):
		return true, &SilentError{Acknowledged: t.sender.acked, Resent: t.sender.repeated}
	case t.sender.overdue(now):
		err := t.repeat(now)
		return err != nil, err
	}
	return false, nil
}

// finish completes the report.
func (t *transfer) finish(err error, now time.Time) {
	t.ended = true
	t.content.close()
	t.report.Took = now.Sub(t.began)
	t.report.Sent = min(t.sender.acked*int64(t.report.BlockSize), t.content.size)
	var aborted *AbortedError
	var silent *SilentError
	switch {
	case err == nil:
	case errors.As(err, &aborted) && t.tsize && t.sender.acked == 0:
		t.report.Probe = true
	case (errors.As(err, &silent) || errors.Is(err, errReplaced)) && t.sender.isThrough():
		t.report.Sent = t.content.size
	default:
		t.report.Err = fmt.Errorf("send %q: %w", t.report.Name, err)
	}
}

// isTold says whether the client is sent the reason: not when it ended the transfer itself, is not there, or asked anew
// from the same port, where the old reason would end the new transfer.
func isTold(err error) bool {
	var aborted *AbortedError
	var silent *SilentError
	return err != nil && !errors.As(err, &aborted) && !errors.As(err, &silent) && !errors.Is(err, errReplaced)
}
