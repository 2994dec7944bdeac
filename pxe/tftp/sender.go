// SPDX-License-Identifier: Apache-2.0

package tftp

import "time"

// pace is when packets are sent again.
type pace struct {
	// tick is how often overdue transfers are looked for.
	tick time.Duration
	// An unanswered packet is sent again after first; then after a time that follows how fast the client answered so far,
	// between least and first, doubled with each repetition.
	first, least time.Duration
	// silence ends a transfer whose client has not answered for so long.
	silence time.Duration
	// A transfer may take base, and a second for each slowRate bytes. Somebody who acknowledges a block now and then must
	// not hold his place for ever.
	base     time.Duration
	slowRate int64
}

// usualPace: with a fifth of all packets lost each way a transfer of 700 blocks takes half a minute, and a machine that
// went away is forgotten after 8.5 s. At 64 KiB/s a UKI of 100 MB takes 26 minutes, a loader less than a minute.
func usualPace() pace {
	return pace{
		tick: 20 * time.Millisecond, first: 500 * time.Millisecond, least: 50 * time.Millisecond,
		silence: 8500 * time.Millisecond, base: 5 * time.Minute, slowRate: 64 << 10,
	}
}

func (p pace) limit(size int64) time.Duration {
	return p.base + time.Duration(size/p.slowRate)*time.Second
}

// sender is the sending side of a transfer, without socket and file: which blocks may be sent, and when again. Each
// acknowledgement that brings the client forward is answered once, and no other: a packet that the network doubled must
// not double the traffic for the rest of the transfer (the "sorcerer's apprentice", RFC 1123 section 4.2.3.1).
type sender struct {
	pace  pace
	fixed time.Duration // the client's own timeout (RFC 2349); 0: ours

	window int64
	last   int64 // number of the last block, from 1: the one that is shorter than the others, or empty
	acked  int64 // blocks that the client has
	sent   int64 // blocks sent so far: acked <= sent <= acked+window
	// greeting is true until the client has acknowledged our OACK.
	greeting bool

	wait       time.Duration // until the next repetition
	mean, vary time.Duration // of the time the client takes to answer, as in RFC 6298; 0: not known yet
	sentAt     time.Time
	heardAt    time.Time // the client came forward
	repeated   int       // since then
}

func newSender(p pace, a *asked, size int64, now time.Time) sender {
	return sender{
		pace: p, fixed: a.timeout, window: int64(a.window), last: size/int64(a.blockSize) + 1,
		greeting: len(a.accepted) > 0, wait: p.first, heardAt: now,
	}
}

// ack takes an acknowledgement and says whether it brought the client forward, so that the next blocks are due. Block
// numbers wrap at 65536.
func (s *sender) ack(number uint16, now time.Time) bool {
	if s.greeting {
		if number != 0 {
			return false
		}
		s.greeting = false
		s.heard(now)
		return true
	}
	step := int64(number - uint16(s.acked))
	if step == 0 || step > s.sent-s.acked {
		return false
	}
	s.acked += step
	s.heard(now)
	return true
}

// heard learns how fast the client answers. What was sent twice teaches nothing: nobody knows which one was answered.
func (s *sender) heard(now time.Time) {
	took := now.Sub(s.sentAt)
	if s.repeated == 0 && took >= 0 {
		if s.mean == 0 {
			s.mean, s.vary = took, took/2
		} else {
			s.vary += ((s.mean - took).Abs() - s.vary) / 4
			s.mean += (took - s.mean) / 8
		}
	}
	s.wait = s.pace.first
	if s.mean > 0 {
		s.wait = min(max(s.mean+4*s.vary, s.pace.least), s.pace.first)
	}
	s.heardAt, s.repeated = now, 0
}

// next says which blocks are to be sent now, from and to inclusive, and how many of them were sent before.
func (s *sender) next(now time.Time) (from, to int64, again int) {
	from, to = s.acked+1, min(s.acked+s.window, s.last)
	again = int(max(0, min(s.sent, to)-s.acked))
	s.sent = max(s.sent, to)
	s.sentAt = now
	if again > 0 && s.repeated == 0 {
		s.repeated = 1 // a part of the window was lost: as good as a repetition for what heard learns
	}
	return from, to, again
}

// greeted notes that the OACK was sent.
func (s *sender) greeted(now time.Time) { s.sentAt = now }

func (s *sender) done() bool { return s.acked == s.last }

// isThrough is true when only the acknowledgement of the last block is missing. A client that has it all may go away
// (RFC 1350 section 6), and some firmware does not answer it at all.
func (s *sender) isThrough() bool {
	return s.acked > 0 && s.acked+s.window >= s.last && s.sent == s.last
}

// overdue says that the last packets have to be sent again.
func (s *sender) overdue(now time.Time) bool {
	wait := s.wait
	if s.fixed > 0 {
		wait = s.fixed
	}
	if now.Sub(s.sentAt) < wait {
		return false
	}
	s.repeated++
	s.wait = min(2*s.wait, s.pace.first)
	return true
}

// silent says that the client has not answered for too long: it had our time, and four of its own.
func (s *sender) silent(now time.Time) bool {
	return now.Sub(s.heardAt) >= max(s.pace.silence, 4*s.fixed)
}
