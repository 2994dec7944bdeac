// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package tftp

import (
	"bytes"
	"net"
	"net/netip"
)

// inbox takes packets from a socket, here one by one.
type inbox struct {
	conn   *net.UDPConn
	buffer [maxPacket]byte
	data   []byte
	from   netip.AddrPort
}

func newInbox(conn *net.UDPConn) (*inbox, error) { return &inbox{conn: conn}, nil }

// read waits for packets and says how many there are. They hold until the next read.
func (b *inbox) read() (int, error) {
	n, from, err := b.conn.ReadFromUDPAddrPort(b.buffer[:])
	if err != nil {
		return 0, err
	}
	b.data, b.from = b.buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, nil
}

// packet is one of those that were read.
func (b *inbox) packet(int) (data []byte, from netip.AddrPort) { return b.data, b.from }

// sendings sends packets by a socket, here one by one.
type sendings struct{ conn *net.UDPConn }

func newSendings(conn *net.UDPConn) (*sendings, error) { return &sendings{conn}, nil }

// send sends messages and says how many went out. An error is that of the first one that did not.
func (s *sendings) send(messages []message) (int, error) {
	for i, m := range messages {
		if _, err := s.conn.WriteToUDPAddrPort(bytes.Join(m.parts, nil), m.to); err != nil {
			return i, err
		}
	}
	return len(messages), nil
}
