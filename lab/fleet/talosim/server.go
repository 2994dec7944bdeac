// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	timeapi "github.com/siderolabs/talos/pkg/machinery/api/time"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

type empty = emptypb.Empty

// Fault is what goes wrong with one call.
type Fault struct {
	// Delay answers late, by the clock of the fleet.
	Delay time.Duration
	// Refuse answers with this error instead of doing anything. Nil: the call is carried out.
	Refuse error
	// LoseAnswer carries the call out and then breaks the connection before the answer.
	LoseAnswer bool
	// RollBack carries an Upgrade out to an image that does not come up: the machine goes back to the old one.
	RollBack bool
}

// Faults decides what goes wrong. Its methods are called concurrently.
type Faults interface {
	// Call is asked once for each call, by the method's short name: Bootstrap, Version, Get.
	Call(method string) Fault
	// TimeSynced is false while the node finds no time server.
	TimeSynced() bool
}

// api is the machine API of one boot. Calls that it does not implement answer Unimplemented.
type api struct {
	machine.UnimplementedMachineServiceServer

	*osRun
}

// newServer makes the server of a machine API. It serves on the listeners it is given until Stop.
func (o *osRun) newServer(config *tls.Config, service machine.MachineServiceServer) *grpc.Server {
	s := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(config)),
		grpc.MaxRecvMsgSize(constants.GRPCMaxMessageSize),
		grpc.UnaryInterceptor(o.unary),
		grpc.StreamInterceptor(o.stream),
	)
	machine.RegisterMachineServiceServer(s, service)
	storage.RegisterStorageServiceServer(s, &disksAPI{osRun: o})
	if _, small := service.(*smallMaintenance); !small {
		timeapi.RegisterTimeServiceServer(s, &timeAPI{osRun: o})
	}

	dated := datedState{State: o.resources, offset: func() time.Duration { return o.ailments().ClockOffset }}
	v1alpha1.RegisterStateServer(s, server.NewState(state.Filter(dated, resourceAccess)))

	return s
}

// listen opens the API's port on one address and serves there until the server stops.
func (o *osRun) listen(ctx context.Context, s *grpc.Server, address netip.Addr) error {
	at := netip.AddrPortFrom(address, constants.ApidPort)

	listener, err := o.Wire.Listen(ctx, at)
	if err != nil {
		return fmt.Errorf("listen for the Talos API on %s: %w", at, err)
	}

	go func() {
		if err := s.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			o.Log.Warn("simulated Talos API stopped", "address", at.String(), "error", err)
		}
	}()

	return nil
}

func (o *osRun) unary(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	var answer any

	if in, ok := request.(*machine.ApplyConfigurationRequest); ok && !in.GetDryRun() {
		o.report("apply", nil)
	}

	err := o.guard(ctx, info.FullMethod, func() (err error) {
		answer, err = handler(ctx, request)

		return err
	})

	return answer, err
}

func (o *osRun) stream(
	service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler,
) error {
	return o.guard(stream.Context(), info.FullMethod, func() error { return handler(service, stream) })
}

// guard checks the caller's role, plays the ordered fault, and makes the call.
func (o *osRun) guard(ctx context.Context, fullMethod string, call func() error) error {
	if o.current() != nil || !o.hasSmallMaintenance() { // that one has no roles: what it does not know it does not do
		if err := authorize(ctx, fullMethod); err != nil {
			return err
		}
	}

	var fault Fault
	if o.Faults != nil {
		fault = o.Faults.Call(path.Base(fullMethod))
	}

	if fault != (Fault{}) {
		o.report("fault", map[string]string{"method": path.Base(fullMethod)})
	}

	if err := o.Clock.Wait(ctx, fault.Delay); err != nil {
		return status.FromContextError(ctx.Err()).Err()
	}

	if fault.Refuse != nil {
		return fault.Refuse
	}

	if fault.RollBack {
		o.mu.Lock()
		o.rollBack = true
		o.mu.Unlock()
	}

	if err := o.publishVitals(ctx); err != nil {
		return status.Error(codes.Internal, err.Error())
	}

	err := call()
	if fault.LoseAnswer {
		return status.Error(codes.Unavailable, "error reading from server: EOF (simulated: the call was carried out)")
	}

	return err
}

// Version implements the machine API.
func (a *api) Version(context.Context, *empty) (*machine.VersionResponse, error) {
	return &machine.VersionResponse{Messages: []*machine.Version{{
		Version:  &machine.VersionInfo{Tag: a.version(), Os: "linux", Arch: "amd64"},
		Platform: &machine.PlatformInfo{Name: "metal", Mode: "metal"},
	}}}, nil
}

// Hostname implements the machine API.
func (a *api) Hostname(context.Context, *empty) (*machine.HostnameResponse, error) {
	name := unconfiguredName
	if boot := a.current(); boot != nil {
		name = boot.name
	}

	return &machine.HostnameResponse{Messages: []*machine.Hostname{{Hostname: name}}}, nil
}

// Reboot implements the machine API.
func (a *api) Reboot(context.Context, *machine.RebootRequest) (*machine.RebootResponse, error) {
	a.finish(Reboot)

	return &machine.RebootResponse{Messages: []*machine.Reboot{{}}}, nil
}

// Shutdown implements the machine API.
func (a *api) Shutdown(context.Context, *machine.ShutdownRequest) (*machine.ShutdownResponse, error) {
	a.finish(PowerOff)

	return &machine.ShutdownResponse{Messages: []*machine.Shutdown{{}}}, nil
}
