// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"sync"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/resources/perf"
)

// loadEvery is how often Talos measures its load (its perf controllers, 1.11 to 1.13).
const loadEvery = 30 * time.Second

// measureLoad writes the node's load down again and again, until the returned function is called: in the small maintenance
// mode nothing else tells the time.
func (o *osRun) measureLoad(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)

	var measuring sync.WaitGroup

	measuring.Go(func() {
		for busy := 0.0; ctx.Err() == nil; busy++ {
			if err := modify(ctx, o, perf.NewCPU(), func(r *perf.CPU) { r.TypedSpec().CPUTotal.User = busy }); err != nil && ctx.Err() == nil {
				o.Log.Error("simulated load is not measured", "error", err)
			}

			_ = o.Clock.Wait(ctx, loadEvery) // the loop looks
		}
	})

	return func() {
		cancel()
		measuring.Wait()
	}
}

// datedState dates what is written while somebody watches by the machine's own clock, which may be off. What is read
// otherwise has the host's time.
type datedState struct {
	state.State

	offset func() time.Duration
}

// Watch implements state.CoreState.
func (s datedState) Watch(ctx context.Context, of resource.Pointer, to chan<- state.Event, opts ...state.WatchOption) error {
	if of.Type() != perf.CPUType {
		return s.State.Watch(ctx, of, to, opts...)
	}

	events := make(chan state.Event)
	if err := s.State.Watch(ctx, of, events, opts...); err != nil {
		return err
	}

	go func() { // ends with the watch
		for {
			select {
			case event := <-events:
				if event.Resource != nil {
					event.Resource = event.Resource.DeepCopy()
					event.Resource.Metadata().SetUpdated(event.Resource.Metadata().Updated().Add(s.offset()))
				}

				select {
				case to <- event:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()

	return nil
}
