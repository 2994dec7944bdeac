// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"time"
)

const (
	// keepEvery is how often a change is kept at most.
	keepEvery = time.Second
	// keepShare is the part of its time that the server spends on keeping: in a boot storm the record is large.
	keepShare = 20
)

// keep hands the record out when it has changed, until ctx ends, and then once more.
func (s *Server) keep(ctx context.Context) {
	if s.config.Keep == nil {
		return
	}
	var kept uint64
	wait := time.NewTimer(keepEvery)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			s.keepNow(context.WithoutCancel(ctx))
			return
		case <-wait.C:
		}
		began := time.Now()
		if now := s.changes(); now != kept && s.keepNow(ctx) {
			kept = now
		}
		wait.Reset(max(keepEvery, keepShare*time.Since(began)))
	}
}

func (s *Server) keepNow(ctx context.Context) bool {
	if err := s.config.Keep(s.Record()); err != nil {
		s.log.WarnContext(ctx, "boot history not kept", "error", err)
		return false
	}
	return true
}

func (s *Server) changes() uint64 { return s.history.recorded() + s.notices.recorded() }
