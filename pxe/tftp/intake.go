// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"net/netip"
	"time"
)

// intake takes requests, in the goroutine of the port that they come to.
type intake struct {
	server  *Server
	senders []*port
	turn    int
}

// take answers one request.
func (in *intake) take(packet []byte, peer netip.AddrPort, now time.Time) {
	if peer.Port() == 0 {
		return // made up: nothing can be sent there
	}
	if old := in.server.slots.of(peer); old != nil {
		if old.asksAgain(packet, now) {
			return
		}
		old.port.stop(old, errReplaced, now)
	}
	sender := in.senders[in.turn%len(in.senders)]
	in.turn++ // a new transfer to the same client's port leaves from another one, so that stragglers do no harm

	a, err := parse(packet)
	request := Request{Client: peer.Addr()}
	request.MAC, request.Name = split(a.name)
	t := &transfer{port: sender, peer: peer, request: string(packet), began: now, report: Transfer{Request: request}}
	if err == nil {
		err = in.admit(t, &a)
	}
	if err == nil {
		sender.start(t, now)
		return
	}
	sender.refuse(peer, err)
	t.report.Err = err
	in.server.config.Finished(t.report)
}

// admit finds the file and a slot.
func (in *intake) admit(t *transfer, a *asked) error {
	file, ok := in.server.files[key(t.report.Name)]
	if !ok {
		return &NotFoundError{Name: t.report.Name}
	}
	if err := in.server.config.Admit(t.report.Request); err != nil {
		return &deniedError{err: err}
	}
	isTaken, evict := in.server.slots.take(t)
	if evict != nil {
		evict.port.stop(evict, errEvicted, t.began)
		isTaken, _ = in.server.slots.take(t)
	}
	if !isTaken {
		return errBusy
	}
	var err error
	if t.content, err = file.open(&in.server.chunks); err != nil {
		in.server.slots.give(t)
		return err
	}
	size := t.content.size
	t.report.Size, t.report.BlockSize, t.report.Window = size, a.blockSize, a.window
	t.tsize, t.oack, t.limit = a.tsize, a.oack(size), in.server.pace.limit(size)
	t.control = segmentControl(len(head{}) + a.blockSize)
	t.sender = newSender(in.server.pace, a, size, t.began)
	return nil
}

// asksAgain answers a request whose first answer was lost, or is late: the same packet from the same port, before the
// client has answered. A second transfer to that port would only confuse it.
func (t *transfer) asksAgain(packet []byte, now time.Time) bool {
	isAgain := false
	t.port.locked(func() {
		if t.ended || t.answered.Load() || t.request != string(packet) {
			return
		}
		isAgain = true
		if err := t.repeat(now); err != nil {
			t.port.finish(t, err, now)
		}
	})
	return isAgain
}
