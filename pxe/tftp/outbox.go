// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// message is a packet on its way out, in parts that follow each other.
type message struct {
	to      netip.AddrPort
	parts   [][]byte // maxParts at most
	control []byte   // segmentControl where it has to be cut
}

// maxParts is a window of blocks, each with its head.
const maxParts = 2 * maxWindow

// outbox collects packets and sends many with one system call. What is put in must not change until the next flush.
//
// Where the kernel can, the blocks of a window leave as one long packet that it or the network card cuts (UDP generic
// segmentation offload): that costs a third of sending them one by one. Firmware sees no difference.
type outbox struct {
	way      *sendings
	segments bool // the kernel cuts
	messages []message
	used     int
	headers  []head // one for each block
	heads    int
}

func newOutbox(conn *net.UDPConn) (*outbox, error) {
	way, err := newSendings(conn)
	return &outbox{
		way:      way,
		segments: canSegment(conn),
		messages: make([]message, batchSize),
		headers:  make([]head, batchSize*maxWindow),
	}, err
}

// packet puts one in.
func (o *outbox) packet(to netip.AddrPort, packet []byte) {
	m := o.message(to)
	m.parts = append(m.parts, packet)
}

// blocks puts in count blocks that hold data, the first of number from. All but the last are full. Control is the
// segmentControl of a whole block.
func (o *outbox) blocks(to netip.AddrPort, from int64, data []byte, count, blockSize int, control []byte) {
	isOne := o.segments && count > 1
	var m *message
	for i := range count {
		if i == 0 || !isOne {
			m = o.message(to)
		}
		head := &o.headers[o.heads]
		o.heads++
		binary.BigEndian.PutUint16(head[0:], opData)
		binary.BigEndian.PutUint16(head[2:], uint16(from+int64(i)))
		block := data[:min(blockSize, len(data))]
		data = data[len(block):]
		m.parts = append(m.parts, head[:])
		if len(block) > 0 {
			m.parts = append(m.parts, block)
		}
	}
	if isOne {
		m.control = control
	}
}

// head is a block's first bytes: the operation code and its number.
type head [4]byte

// message returns the next free one.
func (o *outbox) message(to netip.AddrPort) *message {
	if o.used == len(o.messages) || o.heads+maxWindow > len(o.headers) {
		o.flush()
	}
	m := &o.messages[o.used]
	o.used++
	m.parts, m.control, m.to = m.parts[:0], nil, to
	return m
}

// flush sends what is in. What can't be sent (no route, a firewall, no memory) is as good as lost on the way: it is sent
// again when it is overdue.
func (o *outbox) flush() {
	for left := o.messages[:o.used]; len(left) > 0; {
		n, err := o.way.send(left)
		if err != nil {
			if left[0].control != nil && cannotSegment(err) {
				o.segments = false
			}
			n = max(n, 0) + 1
		}
		left = left[min(max(n, 1), len(left)):]
	}
	o.used, o.heads = 0, 0
}
