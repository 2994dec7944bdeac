// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/phase"
)

// heartbeat is how long a plain run may be silent: CI systems end jobs that say nothing for minutes.
const heartbeat = 30 * time.Second

// plain writes a line for each event, and repeats the last one while nothing happens.
type plain struct {
	mu    sync.Mutex
	out   io.Writer
	pulse pulse
	last  phase.Event
	said  time.Time // when last was written
}

// Report writes an event. One that says the same as the last is left out.
func (p *plain) Report(e phase.Event) {
	p.pulse.end()
	p.write(e)
	if e.State == phase.Started || e.State == phase.Waiting {
		p.pulse.begin(heartbeat, p.beat)
	}
}

func (p *plain) write(e phase.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Phase == p.last.Phase && e.State == p.last.State && e.Message == p.last.Message && time.Since(p.said) < heartbeat {
		return
	}
	p.last, p.said = e, time.Now()
	text := describe(e)
	if took(e) {
		text += " (" + short(e.Elapsed) + ")"
	}
	fmt.Fprintf(p.out, "%s %-8s %s\n", e.Time.Format(time.TimeOnly), e.State, text)
}

// took reports whether an event ends what took time.
func took(e phase.Event) bool {
	return e.State == phase.Done || e.State == phase.Failed || e.State == phase.Stopped
}

// beat repeats the last event with the time of now.
func (p *plain) beat() {
	p.mu.Lock()
	e, silent := p.last, time.Since(p.said)
	p.mu.Unlock()
	e.Time = e.Time.Add(silent)
	e.State = phase.Waiting
	p.write(e)
}

// Write puts other text between the lines.
func (p *plain) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(text)
}

// Close ends the heartbeat.
func (p *plain) Close() { p.pulse.end() }

// jsonLines writes one JSON object for each event.
type jsonLines struct {
	mu  sync.Mutex
	out io.Writer
}

// Report writes an event.
func (j *jsonLines) Report(e phase.Event) {
	data, err := json.Marshal(e)
	if err != nil { // only a time beyond the year 9999 can't be written
		data = fmt.Appendf(nil, `{"phase":%q,"state":%q}`, e.Phase, e.State)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.out.Write(append(data, '\n')) // a reader that went away must not stop the run
}

// Write puts other text between the objects: what logs here should log JSON.
func (j *jsonLines) Write(text []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(text)
}

// Close does nothing.
func (j *jsonLines) Close() {}
