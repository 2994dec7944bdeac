// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// hasSmallMaintenance is true for Talos before 1.13, which serves maintenance mode by a program of its own: it takes a config,
// lets everybody read resources, and knows next to nothing else.
func (o *osRun) hasSmallMaintenance() bool {
	contract, err := config.ParseContractFromVersion(o.version())

	return err == nil && config.TalosVersion1_13.Greater(contract)
}

// smallMaintenance is the machine API in maintenance mode before 1.13, as a node of 1.12.0 answered (lab/taloslab compares).
type smallMaintenance struct {
	machine.UnimplementedMachineServiceServer

	*osRun
}

// errInMaintenance is the answer to calls that are served to Omni only, over its own link.
var errInMaintenance = status.Error(codes.Unimplemented, "API is not implemented in maintenance mode")

// Version implements the machine API.
func (smallMaintenance) Version(context.Context, *empty) (*machine.VersionResponse, error) {
	return nil, errInMaintenance
}

// Upgrade implements the machine API.
func (smallMaintenance) Upgrade(context.Context, *machine.UpgradeRequest) (*machine.UpgradeResponse, error) {
	return nil, errInMaintenance
}

// Reset implements the machine API.
func (smallMaintenance) Reset(context.Context, *machine.ResetRequest) (*machine.ResetResponse, error) {
	return nil, errInMaintenance
}

// ApplyConfiguration implements the machine API. A config that can't be read is no InvalidArgument here, unlike one that
// breaks a rule.
func (s smallMaintenance) ApplyConfiguration(
	ctx context.Context, in *machine.ApplyConfigurationRequest,
) (*machine.ApplyConfigurationResponse, error) {
	switch in.GetMode() { //nolint:exhaustive // all others are refused
	case machine.ApplyConfigurationRequest_TRY, machine.ApplyConfigurationRequest_REBOOT, machine.ApplyConfigurationRequest_AUTO:
	default:
		return nil, status.Errorf(codes.Unimplemented, "apply configuration --mode='%s' is not supported in maintenance mode",
			strings.ReplaceAll(strings.ToLower(in.GetMode().String()), "_", "-"))
	}

	provider, err := decode(s.version(), in.GetData())
	if err != nil {
		return nil, status.Error(codes.Unknown, "failed to parse config: "+err.Error())
	}

	warnings, err := provider.Validate(metal{})
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "configuration validation failed: %s", err)
	}

	more, err := provider.RuntimeValidate(ctx, s.resources, metal{})
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "runtime configuration validation failed: %s", err)
	}

	if _, err := s.installDisk(ctx, provider); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "runtime configuration validation failed: %s", err)
	}

	reply := &machine.ApplyConfiguration{Warnings: append(warnings, more...)}
	if in.GetDryRun() {
		reply.ModeDetails = "Dry run summary:\nNode is running in maintenance mode and does not have a config yet."
	} else if err := s.accept(ctx, provider, nil); err != nil {
		return nil, err
	}

	return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{reply}}, nil
}
