// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"fmt"
	"sync"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// eventLog keeps the events of one boot and wakes those who follow them.
type eventLog struct {
	mu      sync.Mutex
	entries []eventEntry
	changed chan struct{} // closed and replaced at each change
}

type eventEntry struct {
	at    time.Time
	event *machine.Event
}

func newEventLog() *eventLog { return &eventLog{changed: make(chan struct{})} }

func (l *eventLog) add(payload proto.Message) {
	value, err := proto.Marshal(payload)
	if err != nil {
		return // the messages are ours and always encode
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	l.entries = append(l.entries, eventEntry{at: time.Now(), event: &machine.Event{
		Id:   fmt.Sprintf("%020d", len(l.entries)+1),
		Data: &anypb.Any{TypeUrl: "talos/runtime/" + string(payload.ProtoReflect().Descriptor().FullName()), Value: value},
	}})
	close(l.changed)
	l.changed = make(chan struct{})
}

// from returns the events after the first n, and what is closed when there are more.
func (l *eventLog) from(n int) ([]eventEntry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.entries[n:], l.changed
}

// start is the number of old events that a request does not want.
func (l *eventLog) start(request *machine.EventsRequest) int {
	l.mu.Lock()
	defer l.mu.Unlock()

	switch tail := int(request.GetTailEvents()); {
	case tail < 0:
		return 0
	case tail > 0:
		return max(0, len(l.entries)-tail)
	case request.GetTailId() == "" && request.GetTailSeconds() == 0:
		return len(l.entries)
	}

	since := time.Now().Add(-time.Duration(request.GetTailSeconds()) * time.Second)

	for i, entry := range l.entries {
		if request.GetTailId() != "" && entry.event.GetId() > request.GetTailId() ||
			request.GetTailSeconds() > 0 && entry.at.After(since) {
			return i
		}
	}

	return len(l.entries)
}

// Events implements the machine API: an empty event first, then old ones as asked, then new ones as they come.
func (a *api) Events(request *machine.EventsRequest, stream grpc.ServerStreamingServer[machine.Event]) error {
	next := a.events.start(request)

	if err := stream.Send(&machine.Event{Data: &anypb.Any{}}); err != nil {
		return err
	}

	for {
		entries, changed := a.events.from(next)
		for _, entry := range entries {
			if err := stream.Send(entry.event); err != nil {
				return err
			}
		}

		next += len(entries)

		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}
