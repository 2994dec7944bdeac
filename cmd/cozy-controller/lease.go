// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// leaseWindow is how long ago the lease may have been seen. It is for how long a leader holds the lease without renewing it:
// controller-runtime's own number. A candidate looks every two seconds.
const leaseWindow = 15 * time.Second

// leaseSight notes when the API server last answered for the leader's lease. The elector itself tells only its log. It is safe
// for concurrent use.
type leaseSight struct {
	now func() time.Time

	mu   sync.Mutex
	seen time.Time // zero: never
	last error     // of the last request, nil if it went well
}

// watch is a wrapper for the transport of the elector's client.
func (s *leaseSight) watch(next http.RoundTripper) http.RoundTripper {
	return sighted{sight: s, next: next}
}

type sighted struct {
	sight *leaseSight
	next  http.RoundTripper
}

func (t sighted) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if strings.HasSuffix(r.URL.Path, "/leases/"+leaseName) || strings.HasSuffix(r.URL.Path, "/leases") {
		t.sight.note(r, answer, err)
	}

	return answer, err
}

// note takes a lease that is not there, or that another candidate wrote first, for seen.
func (s *leaseSight) note(r *http.Request, answer *http.Response, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	switch {
	case err != nil:
		s.last = fmt.Errorf("%s the lease: %w", r.Method, err)
	case answer.StatusCode < 300, answer.StatusCode == http.StatusConflict,
		answer.StatusCode == http.StatusNotFound && r.Method == http.MethodGet:
		s.seen, s.last = s.now(), nil
	default:
		s.last = fmt.Errorf("%s the lease: the API server answers %s", r.Method, answer.Status)
	}
}

// canTakeOver says why a standby could not take over; nil: it could, as far as it can tell.
func (s *leaseSight) canTakeOver() error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.seen.IsZero() && s.now().Sub(s.seen) < leaseWindow {
		return nil
	}

	if s.last == nil {
		return errors.New("the leader's lease was not looked at yet")
	}

	return fmt.Errorf("the leader's lease was not seen for %s: %w", leaseWindow, s.last)
}
