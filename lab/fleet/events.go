// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Event is one thing that happened. Kinds are: state (details: from, to), loader (file, without its directories; url),
// autoexec (url, found), script and image (url, sha256, size), address, boot-server, kernel (args), uki (url), next-device
// (the boot file is not there), from-disk, fault, maintenance (address, fingerprint), apply (a config was sent, and not for
// a dry run), install (disk), configured, bootstrap, etcd-founded, etcd (cluster, member), control-plane (it serves the
// Kubernetes API), vip, node, config-changed, unreachable, error (text).
type Event struct {
	Time    time.Time
	Machine string
	Kind    string
	Details map[string]string
}

type eventList struct {
	mu      sync.Mutex
	list    []Event
	changed chan struct{} // closed and replaced with each event
}

func newEventList() *eventList { return &eventList{changed: make(chan struct{})} }

func (l *eventList) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.list = append(l.list, e)
	close(l.changed)
	l.changed = make(chan struct{})
}

// changes is closed with the next event.
func (l *eventList) changes() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.changed
}

// Events is everything that happened so far, in order.
func (f *Fleet) Events() []Event {
	f.events.mu.Lock()
	defer f.events.mu.Unlock()

	return slices.Clone(f.events.list)
}

// record keeps an event and logs it. Details never hold secrets: configs and keys are not events.
func (m *machine) record(kind string, details map[string]string) {
	m.fleet.events.add(Event{Time: time.Now(), Machine: m.spec.Name, Kind: kind, Details: maps.Clone(details)})

	args := []any{"machine", m.spec.Name}
	for _, key := range slices.Sorted(maps.Keys(details)) {
		args = append(args, key, details[key])
	}

	m.fleet.cfg.Log.Info(kind, args...)
}
