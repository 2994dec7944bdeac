// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
)

// Link is an interface and our own address on it.
type Link struct {
	Interface net.Interface
	Address   netip.Addr
}

// socket receives requests. Replies leave from out.
type socket struct {
	in, out *net.UDPConn
	link    Link         // where all its packets come from, when links is nil
	links   map[int]Link // by index of interface: an adopted socket hears all of them
}

const (
	// batchSize is how many packets one system call takes or sends. When a rack is switched on, packets queue.
	batchSize = 32
	// controlSize holds the control message that tells the interface of a packet, with space to spare.
	controlSize = 64
)

// inbox takes what waits in a socket, many packets with one system call.
type inbox struct {
	socket   *socket
	batch    *ipv4.PacketConn
	messages []ipv4.Message
}

func (s *socket) inbox() *inbox {
	b := &inbox{socket: s, batch: ipv4.NewPacketConn(s.in), messages: make([]ipv4.Message, batchSize)}
	for i := range b.messages {
		b.messages[i].Buffers = [][]byte{make([]byte, maxPacket)}
		if s.links != nil {
			b.messages[i].OOB = make([]byte, controlSize)
		}
	}
	return b
}

// read waits for packets. They hold until the next read.
func (b *inbox) read() ([]ipv4.Message, error) {
	n, err := b.batch.ReadBatch(b.messages, 0)
	return b.messages[:max(n, 0)], err
}

// open returns what a packet holds and the link it came by. False marks a packet of an interface that is not served.
func (b *inbox) open(m *ipv4.Message) (payload []byte, from netip.AddrPort, at Link, served bool) {
	payload = m.Buffers[0][:m.N]
	if sender, ok := m.Addr.(*net.UDPAddr); ok {
		from = sender.AddrPort()
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	}
	if b.socket.links == nil {
		return payload, from, b.socket.link, true
	}
	var message ipv4.ControlMessage
	if message.Parse(m.OOB[:m.NN]) == nil {
		at, served = b.socket.links[message.IfIndex]
	}
	return payload, from, at, served
}

// outbox collects answers, and sends them with one system call.
type outbox struct {
	socket   *socket
	batch    *ipv4.PacketConn
	messages []ipv4.Message
}

func (s *socket) outbox() *outbox {
	return &outbox{socket: s, batch: ipv4.NewPacketConn(s.out)}
}

// put adds an answer, which leaves by the link that its request came by.
func (b *outbox) put(payload []byte, at Link, to netip.AddrPort) {
	m := ipv4.Message{Buffers: [][]byte{payload}, Addr: net.UDPAddrFromAddrPort(to)}
	if b.socket.links != nil {
		control := ipv4.ControlMessage{Src: at.Address.AsSlice(), IfIndex: at.Interface.Index}
		m.OOB = control.Marshal()
	}
	b.messages = append(b.messages, m)
}

// flush sends what is in, and calls failed for each answer that could not be sent.
func (b *outbox) flush(failed func(error)) {
	for left := b.messages; len(left) > 0; {
		n, err := b.batch.WriteBatch(left, 0)
		if err != nil {
			n = max(n, 0)
			failed(fmt.Errorf("send to %s: %w", left[min(n, len(left)-1)].Addr, err))
			n++
		}
		left = left[min(max(n, 1), len(left)):]
	}
	clear(b.messages) // the answers are not kept
	b.messages = b.messages[:0]
}
