// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	timeapi "github.com/siderolabs/talos/pkg/machinery/api/time"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	timeres "github.com/siderolabs/talos/pkg/machinery/resources/time"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Ailments are what is wrong with a machine beside its calls. They may change while it runs; the zero value is a machine
// in good health.
type Ailments struct {
	// ClockOffset is how far its clock is ahead.
	ClockOffset time.Duration
	// ClockHidden refuses to tell the time, as if no time server answered.
	ClockHidden bool
	// Diagnostics are what the node has found out about itself: a message by its id.
	Diagnostics map[string]string
	// Memory is its size in bytes. Zero: 16 GiB.
	Memory uint64
}

// defaultMemory is that of a small server.
const defaultMemory = 16 << 30

func (o *osRun) ailments() Ailments {
	if o.Ailing == nil {
		return Ailments{}
	}

	return o.Ailing()
}

func (o *osRun) timeSynced() bool { return o.Faults == nil || o.Faults.TimeSynced() }

// publishVitals brings the resources up to date that tell what is wrong with the machine. It is called before each look at
// them, so that a fault shows without anybody watching for it.
func (o *osRun) publishVitals(ctx context.Context) error {
	o.vitals.Lock()
	defer o.vitals.Unlock()

	errs := []error{modify(ctx, o, timeres.NewStatus(), func(r *timeres.Status) {
		r.TypedSpec().Synced = o.timeSynced()
	})}

	found := o.ailments().Diagnostics

	list, err := safe.StateListAll[*runtime.Diagnostic](ctx, o.resources)
	if err != nil {
		return err
	}

	for old := range list.All() {
		if _, still := found[old.Metadata().ID()]; !still {
			errs = append(errs, o.resources.Destroy(ctx, old.Metadata()))
		}
	}

	for _, id := range slices.Sorted(maps.Keys(found)) {
		errs = append(errs, modify(ctx, o, runtime.NewDiagnostic(runtime.NamespaceName, id), func(r *runtime.Diagnostic) {
			r.TypedSpec().Message = found[id]
		}))
	}

	o.mu.Lock()
	stage := o.stage
	changed := o.wasSynced != o.timeSynced()
	o.wasSynced = o.timeSynced()
	o.mu.Unlock()

	if changed {
		errs = append(errs, o.setStage(ctx, stage))
	}

	return errors.Join(errs...)
}

func modify[R resource.Resource](ctx context.Context, o *osRun, into R, change func(R)) error {
	return safe.StateModify(ctx, o.resources, into, func(r R) error {
		change(r)

		return nil
	})
}

// publishTimeServers names the time servers of the config, or Talos's own.
func (o *osRun) publishTimeServers(ctx context.Context, servers []string) error {
	if len(servers) == 0 {
		servers = []string{constants.DefaultNTPServer}
	}

	return modify(ctx, o, network.NewTimeServerStatus(network.NamespaceName, network.TimeServerID),
		func(r *network.TimeServerStatus) { r.TypedSpec().NTPServers = servers })
}

// publishEphemeral shows the volume that takes what the other partitions leave of the system disk.
func (o *osRun) publishEphemeral(ctx context.Context) error {
	const others = 2212 << 20 // EFI, META, STATE and the partition tables

	volume := block.NewVolumeStatus(block.NamespaceName, constants.EphemeralPartitionLabel)

	return modify(ctx, o, volume, func(r *block.VolumeStatus) {
		r.TypedSpec().Phase = block.VolumePhaseReady
		r.TypedSpec().Location = o.meta + "4"

		for _, disk := range o.Hardware.Disks {
			if disk.Path == o.meta && disk.Size > others {
				r.TypedSpec().Size = disk.Size - others
			}
		}
	})
}

// Memory implements the machine API.
func (a *api) Memory(context.Context, *empty) (*machine.MemoryResponse, error) {
	size := a.ailments().Memory
	if size == 0 {
		size = defaultMemory
	}

	return &machine.MemoryResponse{Messages: []*machine.Memory{{
		Meminfo: &machine.MemInfo{Memtotal: size >> 10, Memfree: size >> 11, Memavailable: size >> 11},
	}}}, nil
}

// timeAPI tells the time beside an NTP server's. The simulated nodes do not ask the server: it is taken to be right.
type timeAPI struct {
	timeapi.UnimplementedTimeServiceServer

	*osRun
}

// Time implements the time API with the first server of the config.
func (a *timeAPI) Time(ctx context.Context, _ *empty) (*timeapi.TimeResponse, error) {
	servers, err := safe.StateGetByID[*network.TimeServerStatus](ctx, a.resources, network.TimeServerID)
	if err != nil {
		return nil, err
	}

	if server := servers.TypedSpec().NTPServers[0]; a.timeSynced() {
		return a.TimeCheck(ctx, &timeapi.TimeRequest{Server: server})
	}

	return nil, noTimeServer(servers.TypedSpec().NTPServers[0])
}

// TimeCheck implements the time API.
func (a *timeAPI) TimeCheck(_ context.Context, in *timeapi.TimeRequest) (*timeapi.TimeResponse, error) {
	if in.GetServer() == "" {
		return nil, status.Error(codes.InvalidArgument, "ntp server is required")
	}

	ailing := a.ailments()
	if ailing.ClockHidden {
		return nil, noTimeServer(in.GetServer())
	}

	now := time.Now()

	return &timeapi.TimeResponse{Messages: []*timeapi.Time{{
		Server: in.GetServer(), Localtime: timestamppb.New(now.Add(ailing.ClockOffset)), Remotetime: timestamppb.New(now),
	}}}, nil
}

func noTimeServer(name string) error {
	return status.Errorf(codes.Unknown, "error querying NTP server %q: i/o timeout", name)
}

// publishOwnVitals fills the resources that follow from the config and from what is installed.
func (c *configured) publishOwnVitals(ctx context.Context) error {
	return errors.Join(c.publishTimeServers(ctx, c.ntpServers()), c.publishEphemeral(ctx))
}

// ntpServers are those of the config.
func (c *configured) ntpServers() []string {
	if sync := c.provider.NetworkTimeSyncConfig(); sync != nil {
		return sync.Servers()
	}

	return nil
}
