// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"encoding/binary"
	"net"

	"golang.org/x/net/ipv4"
)

// outbox collects packets and sends many with one system call. What is put in must not change until the next flush.
//
// Where the kernel can, the blocks of a window leave as one long packet that it or the network card cuts (UDP generic
// segmentation offload): that costs a third of sending them one by one. Firmware sees no difference.
type outbox struct {
	batch    *ipv4.PacketConn
	segments bool // the kernel cuts
	messages []ipv4.Message
	used     int
	headers  []head // one for each block
	heads    int
}

func newOutbox(conn *net.UDPConn, batch *ipv4.PacketConn) *outbox {
	return &outbox{
		batch:    batch,
		segments: canSegment(conn),
		messages: make([]ipv4.Message, batchSize),
		headers:  make([]head, batchSize*maxWindow),
	}
}

// packet puts one in.
func (o *outbox) packet(to *net.UDPAddr, packet []byte) {
	m := o.message(to)
	m.Buffers = append(m.Buffers, packet)
}

// blocks puts in count blocks that hold data, the first of number from. All but the last are full. Control is the
// segmentControl of a whole block.
func (o *outbox) blocks(to *net.UDPAddr, from int64, data []byte, count, blockSize int, control []byte) {
	isOne := o.segments && count > 1
	var m *ipv4.Message
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
		m.Buffers = append(m.Buffers, head[:])
		if len(block) > 0 {
			m.Buffers = append(m.Buffers, block)
		}
	}
	if isOne {
		m.OOB = control
	}
}

// head is a block's first bytes: the operation code and its number.
type head [4]byte

// message returns the next free one.
func (o *outbox) message(to *net.UDPAddr) *ipv4.Message {
	if o.used == len(o.messages) || o.heads+maxWindow > len(o.headers) {
		o.flush()
	}
	m := &o.messages[o.used]
	o.used++
	m.Buffers, m.OOB, m.Addr = m.Buffers[:0], nil, to
	return m
}

// flush sends what is in. What can't be sent (no route, a firewall, no memory) is as good as lost on the way: it is sent
// again when it is overdue.
func (o *outbox) flush() {
	for left := o.messages[:o.used]; len(left) > 0; {
		n, err := o.batch.WriteBatch(left, 0)
		if err != nil {
			if left[0].OOB != nil && cannotSegment(err) {
				o.segments = false
			}
			n = max(n, 0) + 1
		}
		left = left[min(max(n, 1), len(left)):]
	}
	o.used, o.heads = 0, 0
}
