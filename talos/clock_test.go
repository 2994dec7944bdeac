// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"context"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	timeapi "github.com/siderolabs/talos/pkg/machinery/api/time"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/perf"
	timeres "github.com/siderolabs/talos/pkg/machinery/resources/time"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cozystack/cozy-install/talos"
)

// fakeClock is off by a time.
type fakeClock struct {
	timeapi.UnimplementedTimeServiceServer

	off   time.Duration
	asked string
	err   error
}

func (c *fakeClock) TimeCheck(_ context.Context, in *timeapi.TimeRequest) (*timeapi.TimeResponse, error) {
	c.asked = in.GetServer()

	return &timeapi.TimeResponse{Messages: []*timeapi.Time{{Localtime: timestamppb.New(time.Now().Add(c.off))}}}, c.err
}

func TestAClockIsReadBesideAServers(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, -10 * time.Second, 0, 10 * time.Second, time.Hour} {
		clock := &fakeClock{off: off}
		reading, err := dialFake(t, &fakeNode{clock: clock}).Clock(t.Context(), "192.0.2.1:4123")
		require.NoError(t, err)
		require.Equal(t, "192.0.2.1:4123", clock.asked)
		require.InDelta(t, off.Seconds(), reading.Offset().Seconds(), 5, "a call takes its time")

		if off == 0 {
			require.Zero(t, reading.Offset(), "as far as can be told")
		}
	}
}

// The maintenance service of Talos 1.12 has no time service: its next measurement of its load tells the time.
func TestAClockThatNobodyTellsIsReadWhenTheNodeWritesSomethingDown(t *testing.T) {
	quit := t.Context()
	load := perf.NewCPU()
	node := &fakeNode{resources: []resource.Resource{load}, changing: func(resources state.State) {
		for count := 0.0; quit.Err() == nil; count++ {
			_ = safe.StateModify(quit, resources, perf.NewCPU(), func(r *perf.CPU) error {
				r.TypedSpec().CPUTotal.User = count

				return nil
			})

			time.Sleep(50 * time.Millisecond)
		}
	}}
	reading, err := dialFake(t, node).Clock(t.Context(), "192.0.2.1")
	require.NoError(t, err)
	require.InDelta(t, 0, reading.Offset().Seconds(), 5)
	require.WithinDuration(t, time.Now(), reading.Node, 5*time.Second)
}

func TestANodeTellsHowItKeepsItsClock(t *testing.T) {
	status := timeres.NewStatus()
	status.TypedSpec().Synced = true

	client := dialFake(t, &fakeNode{resources: []resource.Resource{status}})
	found, err := client.TimeStatus(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.TimeStatus{Synced: true}, found, "before its network is configured")

	servers := network.NewTimeServerStatus(network.NamespaceName, network.TimeServerID)
	servers.TypedSpec().NTPServers = []string{"10.0.0.1", "time\n.example.org"}

	found, err = dialFake(t, &fakeNode{resources: []resource.Resource{status, servers}}).TimeStatus(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.TimeStatus{Synced: true, Servers: []string{"10.0.0.1", "time .example.org"}}, found)
}
