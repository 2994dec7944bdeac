// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// handle takes one packet of at least four bytes.
func (t *tftpTransfer) handle(packet []byte) (done bool, err error) {
	switch code := binary.BigEndian.Uint16(packet); code {
	case tftpError:
		return false, serverError(binary.BigEndian.Uint16(packet[2:]), packet[4:])
	case tftpOACK:
		if err := t.options(packet[2:]); err != nil {
			return false, err
		}

		if t.probe {
			return true, t.abort()
		}

		return false, t.send(tftpAck, 0, "")
	case tftpData:
		if t.probe { // a server without options: the size stays unknown
			return true, t.abort()
		}

		return t.data(packet)
	default:
		return false, fmt.Errorf("unexpected packet with operation code %d", code)
	}
}

func serverError(code uint16, text []byte) error {
	err := fmt.Errorf("server says error %d: %s", code, bytes.TrimRight(text, "\x00"))
	if code == tftpNotFound {
		return fmt.Errorf("%w: %w", errNotFound, err)
	}

	return err
}

func (t *tftpTransfer) data(packet []byte) (done bool, err error) {
	if block := binary.BigEndian.Uint16(packet[2:]); block != t.block+1 {
		return false, t.missed()
	}

	if t.size += int64(len(packet) - 4); t.size > t.limit {
		return false, fmt.Errorf("more than %d bytes: not what is booted here", t.limit)
	}

	if _, err := t.to.Write(packet[4:]); err != nil {
		return false, err
	}

	t.block++
	t.unsaid++
	t.gap = false

	done = len(packet)-4 < t.length
	if !done && t.unsaid < t.window {
		return false, nil
	}

	return done, t.acknowledge()
}

// missed says again what is here, when a block was repeated or one before it was lost. The rest of a window, which is on
// its way already, is then passed over in silence (RFC 7440 section 4), else each block would start another window.
func (t *tftpTransfer) missed() error {
	if t.gap && t.window > 1 {
		return nil
	}

	t.gap = true

	return t.acknowledge()
}

func (t *tftpTransfer) acknowledge() error {
	t.unsaid = 0

	return t.send(tftpAck, t.block, "")
}

// options reads an OACK: names and values, each ended by a zero byte. A server may answer less than it was asked for, and
// nothing else (RFC 2347).
func (t *tftpTransfer) options(list []byte) error {
	words := bytes.Split(bytes.TrimSuffix(list, []byte{0}), []byte{0})

	for i := 0; i+1 < len(words); i += 2 {
		name := strings.ToLower(string(words[i]))

		value, err := strconv.ParseInt(string(words[i+1]), 10, 64)
		if err != nil || value < 0 {
			return fmt.Errorf("option %s=%q: not a number", words[i], words[i+1])
		}

		asked, ok := t.asked[name]
		if !ok {
			return fmt.Errorf("option %s=%d: was not asked for", name, value)
		}

		switch {
		case name == "tsize":
			t.total, t.hasTotal = value, true
		case value > int64(asked):
			return fmt.Errorf("option %s=%d: more than the %d that were asked for", name, value, asked)
		case name == "blksize" && value < 8:
			return fmt.Errorf("block size %d: outside 8-65464 (RFC 2348)", value)
		case name == "blksize":
			t.length = int(value)
		case name == "windowsize":
			t.window = max(int(value), 1)
		}
	}

	return nil
}

func (t *tftpTransfer) abort() error {
	return t.send(tftpError, tftpAborted, "User aborted the transfer\x00")
}

func (t *tftpTransfer) send(code, number uint16, text string) error {
	packet := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, code), number)
	t.last = append(packet, text...)

	return t.transmit(t.peer)
}

// transmit sends the last packet, unless it is to be lost.
func (t *tftpTransfer) transmit(to net.Addr) error {
	if t.drop(TFTPSent) {
		return nil
	}

	_, err := t.conn.WriteTo(t.last, to)

	return err
}
