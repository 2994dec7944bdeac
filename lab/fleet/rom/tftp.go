// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
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

	// tftpAborted is the error with which firmware ends its probe of a file's size.
	tftpAborted = 8
)

// maxLoader bounds what a firmware takes into its memory below 1 MiB and far above it.
const maxLoader = 16 << 20

// load fetches the boot file as this firmware does: the UEFI one asks for the size, aborts, and asks again. The client is
// our own because its quirks are the point: libraries neither abort nor offer a window, nor lose packets to order.
func (s *session) load(ctx context.Context, boot bootInfo) (Image, error) {
	if boot.isURL() {
		return Image{}, fmt.Errorf("%q is a URL: this firmware speaks only TFTP", boot.file)
	}

	options := []string{"blksize", "1432", "tsize", "0"}

	if s.Machine.Firmware == UEFI {
		probe := tftpTransfer{session: s, boot: boot, probe: true}
		if err := probe.run(ctx, "tsize", "0", "blksize", "1468", "windowsize", "4"); err != nil {
			return Image{}, fmt.Errorf("probe the size: %w", err)
		}

		options = []string{"blksize", "1468", "windowsize", "4"}
	}

	transfer := tftpTransfer{session: s, boot: boot}
	if err := transfer.run(ctx, options...); err != nil {
		return Image{}, err
	}

	return imageOf(boot.file, "", transfer.content), nil
}

// tftpTransfer is one read of one file.
type tftpTransfer struct {
	*session

	boot  bootInfo
	probe bool // end after the first answer

	conn    net.PacketConn
	peer    *net.UDPAddr // the server's port for this transfer, once known
	block   uint16       // the last block that arrived in order
	size    int          // of a block
	window  int          // blocks for each acknowledgement
	last    []byte       // sent last: sent again when nothing comes
	content []byte
}

func (t *tftpTransfer) run(ctx context.Context, options ...string) (err error) {
	if t.conn, err = t.Port.ListenPacket(ctx, netip.AddrPortFrom(t.address.Addr(), 0)); err != nil {
		return err
	}
	defer t.conn.Close()

	stop := context.AfterFunc(ctx, func() { _ = t.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	t.size, t.window = 512, 1
	t.last = binary.BigEndian.AppendUint16(nil, tftpRead)

	for _, word := range append([]string{t.boot.file, "octet"}, options...) {
		t.last = append(append(t.last, word...), 0)
	}

	to := netip.AddrPortFrom(t.boot.server, uint16(t.Port.Ports().TFTP))
	if _, err := t.conn.WriteTo(t.last, net.UDPAddrFromAddrPort(to)); err != nil {
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

// tftpSilence is how long a transfer may stand still, in real time: the servers' own repetition, five seconds in the
// library that most Go servers use, does not run on the simulated clock.
const tftpSilence = 12 * time.Second

// receive waits for a packet of this transfer, and sends the last one again while nothing comes.
func (t *tftpTransfer) receive(ctx context.Context, to netip.AddrPort) ([]byte, error) {
	buf := make([]byte, 4+65464)

	for begun := time.Now(); time.Since(begun) < tftpSilence; {
		if err := t.conn.SetReadDeadline(time.Now().Add(t.Clock.Patience(2 * time.Second))); err != nil {
			return nil, err
		}

		length, from, err := t.conn.ReadFrom(buf)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}

		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			again := net.Addr(net.UDPAddrFromAddrPort(to))
			if t.peer != nil {
				again = t.peer
			}

			if _, err := t.conn.WriteTo(t.last, again); err != nil {
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
			return buf[:length], nil
		}
	}

	return nil, fmt.Errorf("no answer from %s (PXE-E32)", to)
}

func (t *tftpTransfer) handle(packet []byte) (done bool, err error) {
	switch code := binary.BigEndian.Uint16(packet); code {
	case tftpError:
		return false, fmt.Errorf("server says error %d: %s",
			binary.BigEndian.Uint16(packet[2:]), bytes.TrimRight(packet[4:], "\x00"))
	case tftpOACK, tftpData:
		if t.probe {
			return true, t.send(tftpError, tftpAborted, "User aborted the transfer\x00")
		}

		if code == tftpData {
			return t.data(packet)
		}

		if err := t.options(packet[2:]); err != nil {
			return false, err
		}

		return false, t.send(tftpAck, 0, "")
	default:
		return false, fmt.Errorf("unexpected packet with operation code %d", code)
	}
}

func (t *tftpTransfer) data(packet []byte) (done bool, err error) {
	if block := binary.BigEndian.Uint16(packet[2:]); block != t.block+1 {
		return false, t.send(tftpAck, t.block, "") // a repetition: say again what is here
	}

	t.block++
	t.content = append(t.content, packet[4:]...)

	if len(t.content) > maxLoader {
		return false, fmt.Errorf("more than %d bytes: no boot loader", maxLoader)
	}

	done = len(packet)-4 < t.size
	if !done && int(t.block)%t.window != 0 {
		return false, nil
	}

	return done, t.send(tftpAck, t.block, "")
}

// options reads an OACK: names and values, each ended by a zero byte.
func (t *tftpTransfer) options(list []byte) error {
	words := bytes.Split(bytes.TrimSuffix(list, []byte{0}), []byte{0})

	for i := 0; i+1 < len(words); i += 2 {
		value, err := strconv.Atoi(string(words[i+1]))
		if err != nil || value < 0 {
			return fmt.Errorf("option %s=%q: not a number", words[i], words[i+1])
		}

		switch string(bytes.ToLower(words[i])) {
		case "blksize":
			t.size = value
		case "windowsize":
			t.window = max(value, 1)
		}
	}

	if t.size < 8 || t.size > 65464 {
		return fmt.Errorf("block size %d: outside 8-65464 (RFC 2348)", t.size)
	}

	return nil
}

func (t *tftpTransfer) send(code, number uint16, text string) error {
	packet := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, code), number)
	t.last = append(packet, text...)
	_, err := t.conn.WriteTo(t.last, t.peer)

	return err
}
