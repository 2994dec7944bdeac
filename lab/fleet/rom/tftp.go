// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Operation codes of RFC 1350 and RFC 2347.
const (
	tftpRead  = 1
	tftpData  = 3
	tftpAck   = 4
	tftpError = 5
	tftpOACK  = 6

	// tftpNotFound is the error for a file that the server does not have.
	tftpNotFound = 1
	// tftpAborted is the error with which firmware ends its probe of a file's size.
	tftpAborted = 8
)

// tftpTransfer is one read of one file. The client is our own because its quirks are the point: libraries neither abort
// nor offer a window, nor lose packets to order.
type tftpTransfer struct {
	*session

	boot  bootInfo
	probe bool      // end after the first answer
	to    io.Writer // gets the file; not used by a probe
	limit int64     // of the file, in bytes

	conn   net.PacketConn
	peer   *net.UDPAddr   // the server's port for this transfer, once known
	asked  map[string]int // the options of the request
	block  uint16         // the last block that arrived in order
	length int            // of a block
	window int            // blocks for each acknowledgement (RFC 7440)
	unsaid int            // blocks that arrived since the last acknowledgement
	gap    bool           // a block was missed, and the server was told
	last   []byte         // sent last: sent again when nothing comes
	buf    []byte         // of the packet that arrived last
	size   int64          // of what arrived

	total    int64 // what the server says of the size, if it does
	hasTotal bool
}

func (t *tftpTransfer) run(ctx context.Context, options ...string) (err error) {
	if t.conn, err = t.Port.ListenPacket(ctx, netip.AddrPortFrom(t.address.Addr(), 0)); err != nil {
		return err
	}
	defer t.conn.Close()

	stop := context.AfterFunc(ctx, func() { _ = t.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	t.request(options)

	to := netip.AddrPortFrom(t.boot.server, uint16(t.Port.Ports().TFTP))
	if err := t.transmit(net.UDPAddrFromAddrPort(to)); err != nil {
		return err
	}

	for done := false; !done; {
		packet, err := t.receive(ctx, to)
		if err != nil {
			return err
		}

		if done, err = t.handle(packet); err != nil {
			return err
		}
	}

	return nil
}

// request makes the first packet. Options are names and numbers by turns.
func (t *tftpTransfer) request(options []string) {
	t.length, t.window, t.asked = 512, 1, map[string]int{}
	t.buf = make([]byte, 2048) // more than any block that is asked for
	t.last = binary.BigEndian.AppendUint16(nil, tftpRead)

	for _, word := range append([]string{t.boot.file, "octet"}, options...) {
		t.last = append(append(t.last, word...), 0)
	}

	for i := 0; i+1 < len(options); i += 2 {
		t.asked[options[i]], _ = strconv.Atoi(options[i+1]) // our own numbers
	}
}

// tftpSilence is how long a transfer may stand still, in real time: the servers' own repetition, five seconds in the
// library that most Go servers use, does not run on the simulated clock.
const tftpSilence = 12 * time.Second

// receive waits for a packet of this transfer, and sends the last one again while nothing comes.
func (t *tftpTransfer) receive(ctx context.Context, to netip.AddrPort) ([]byte, error) {
	for begun := time.Now(); time.Since(begun) < tftpSilence; {
		if err := t.conn.SetReadDeadline(time.Now().Add(t.Clock.Patience(2 * time.Second))); err != nil {
			return nil, err
		}

		length, from, err := t.conn.ReadFrom(t.buf)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}

		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			again := net.Addr(net.UDPAddrFromAddrPort(to))
			if t.peer != nil {
				again = t.peer
			}

			if err := t.transmit(again); err != nil {
				return nil, err
			}

			continue
		}

		if err != nil {
			return nil, err
		}

		if length < 4 || t.drop(TFTP) {
			continue
		}

		peer := from.(*net.UDPAddr)
		if t.peer == nil {
			t.peer = peer // RFC 1350 section 4: the server chooses its port with the first answer
		}

		if peer.String() == t.peer.String() {
			return t.buf[:length], nil
		}
	}

	return nil, fmt.Errorf("no answer from %s (PXE-E32)", to)
}
