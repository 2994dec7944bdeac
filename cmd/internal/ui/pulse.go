// SPDX-License-Identifier: Apache-2.0

package ui

import "time"

// pulse calls a function at an interval until it is ended. Its zero value beats never.
type pulse struct{ quit, gone chan struct{} }

// begin starts the beats. end must be called before begin is called again.
func (p *pulse) begin(every time.Duration, beat func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	p.quit, p.gone = quit, gone
	go func() {
		defer close(gone)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				beat()
			}
		}
	}()
}

// end stops the beats and waits for one under way, so the caller may not hold what the beat waits for. It may be called
// twice.
func (p *pulse) end() {
	if p.quit != nil {
		close(p.quit)
		<-p.gone
		p.quit = nil
	}
}
