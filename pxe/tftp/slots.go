// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"net/netip"
	"sync"
)

// slots holds the transfers under way.
type slots struct {
	total, each int

	mu       sync.Mutex
	byPeer   map[netip.AddrPort]*transfer
	byClient map[netip.Addr]int
}

func newSlots(total, each int) *slots {
	return &slots{total: total, each: each, byPeer: map[netip.AddrPort]*transfer{}, byClient: map[netip.Addr]int{}}
}

// of returns the transfer to a client's port, or nil.
func (s *slots) of(peer netip.AddrPort) *transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byPeer[peer]
}

// take gives a transfer a slot. When all are taken it returns the oldest transfer whose client never answered, if there
// is one: end that and try again. So requests with made-up addresses can't keep real machines out.
func (s *slots) take(t *transfer) (isTaken bool, evict *transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client := t.peer.Addr()
	if s.byPeer[t.peer] != nil || s.byClient[client] >= s.each {
		return false, nil
	}
	if len(s.byPeer) >= s.total {
		return false, s.oldestUnanswered()
	}
	s.byPeer[t.peer] = t
	s.byClient[client]++
	return true, nil
}

func (s *slots) oldestUnanswered() *transfer {
	var oldest *transfer
	for _, t := range s.byPeer {
		if !t.answered.Load() && (oldest == nil || t.began.Before(oldest.began)) {
			oldest = t
		}
	}
	return oldest
}

func (s *slots) give(t *transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client := t.peer.Addr()
	delete(s.byPeer, t.peer)
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}
