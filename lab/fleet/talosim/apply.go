// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/types/block/blockhelpers"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// metal is the runtime mode of a server: a config for it must say where to install, until it is installed.
type metal struct{ installed bool }

func (metal) String() string { return "metal" }

func (m metal) RequiresInstall() bool { return !m.installed }

func (metal) InContainer() bool { return false }

// ApplyConfiguration implements the machine API with the checks of Talos 1.13, in its order.
func (a *api) ApplyConfiguration(
	ctx context.Context, in *machine.ApplyConfigurationRequest,
) (*machine.ApplyConfigurationResponse, error) {
	if !a.applying.TryLock() {
		return nil, status.Error(codes.FailedPrecondition, "another apply configuration is already in progress")
	}
	defer a.applying.Unlock()

	boot := a.current()
	if boot != nil && !rolesOf(ctx).Includes(role.Admin) {
		return nil, errNotAuthorized
	}

	provider, warnings, err := a.judge(ctx, in.GetData(), boot != nil)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}

	mode, details, err := applyMode(in.GetMode(), boot == nil)
	if err != nil {
		return nil, err
	}

	if in.GetDryRun() {
		warnings = nil
		details = fmt.Sprintf("Dry run summary:\n%s (skipped in dry-run).\n%s", details, a.diff(provider))
	} else if err := a.accept(ctx, provider, boot); err != nil {
		return nil, err
	}

	return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{{
		Mode: mode, ModeDetails: details, Warnings: warnings,
	}}}, nil
}

// judge decodes a config strictly and validates it with Talos's own code, against this machine's hardware.
func (o *osRun) judge(ctx context.Context, data []byte, isConfigured bool) (config.Provider, []string, error) {
	provider, err := decode(o.version(), data)
	if err != nil {
		return nil, nil, err
	}

	if isConfigured && provider.RawV1Alpha1() == nil {
		return nil, nil, errors.New(
			"the applied machine configuration doesn't contain v1alpha1 config, did you mean to patch the machine config instead?")
	}

	mode := metal{installed: isConfigured}

	warnings, err := provider.Validate(mode)
	if err != nil {
		return nil, nil, err
	}

	more, err := provider.RuntimeValidate(ctx, o.resources, mode)
	if err != nil {
		return nil, nil, err
	}

	if mode.RequiresInstall() {
		if _, err := o.installDisk(ctx, provider); err != nil {
			return nil, nil, err
		}
	}

	return provider, slices.Concat(warnings, more), nil
}

// installDisk is the one disk that the config means. Here the simulation is stricter than Talos, which takes the first
// of several matching disks and wipes it: a config that does not say which disk it means is a mistake.
// A config without a main document means none.
func (o *osRun) installDisk(ctx context.Context, provider config.Provider) (string, error) {
	if provider.Machine() == nil {
		return "", nil
	}

	expression, err := provider.Machine().Install().DiskMatchExpression()
	if err != nil {
		return "", err
	}

	if expression == nil {
		named := provider.Machine().Install().Disk()
		for _, disk := range o.disks() {
			if disk.Path == named {
				return named, nil
			}
		}

		return "", fmt.Errorf("specified install disk does not exist: %q", named)
	}

	matched, err := blockhelpers.MatchDisks(ctx, o.resources, expression)
	if err != nil {
		return "", err
	}

	if len(matched) != 1 {
		var paths []string
		for _, disk := range matched {
			paths = append(paths, disk.TypedSpec().DevPath)
		}

		return "", fmt.Errorf("%d disks [%s] matched the expression: %s", len(matched), strings.Join(paths, " "), expression)
	}

	return matched[0].TypedSpec().DevPath, nil
}

func applyMode(
	wanted machine.ApplyConfigurationRequest_Mode, inMaintenance bool,
) (machine.ApplyConfigurationRequest_Mode, string, error) {
	const (
		reboot   = machine.ApplyConfigurationRequest_REBOOT // old clients send it
		auto     = machine.ApplyConfigurationRequest_AUTO
		noReboot = machine.ApplyConfigurationRequest_NO_REBOOT
	)

	switch {
	case wanted == auto || wanted == noReboot || wanted == reboot && inMaintenance:
		return noReboot, "Applied configuration without a reboot", nil
	default:
		return 0, "", status.Errorf(codes.Unimplemented, "mode %s is not simulated", wanted)
	}
}

// accept takes a valid config: in maintenance it ends that, on a configured node it is stored for the next boot.
func (o *osRun) accept(ctx context.Context, provider config.Provider, boot *configured) error {
	if boot == nil {
		if provider.RawV1Alpha1() == nil { // the machine would stay in maintenance mode
			return status.Error(codes.Unimplemented, "a config without a main document is simulated for a dry run only")
		}

		o.mu.Lock()
		defer o.mu.Unlock()

		if o.accepted {
			return status.Error(codes.FailedPrecondition, "the configuration was already applied, rebooting")
		}

		o.accepted = true
		o.applied <- provider // has room for one

		return nil
	}

	data, err := provider.Bytes()
	if err != nil {
		return err
	}

	o.Disks.Install(data, o.systemDisk())
	o.report("config-changed", nil)

	old := configres.NewMachineConfig(provider)
	if err := o.resources.Destroy(ctx, old.Metadata()); err != nil {
		return err
	}

	defer o.reconfigure(provider)

	return o.resources.Create(ctx, old)
}

// diff compares with the installed config, in fewer words than Talos: the lines that only one of them has. Like Talos's
// own it shows secrets.
func (o *osRun) diff(provider config.Provider) string {
	data, err := provider.Bytes()
	if err != nil {
		return err.Error()
	}

	before, after := strings.SplitAfter(string(o.Disks.Config()), "\n"), strings.SplitAfter(string(data), "\n")
	text := prefixed("-", without(before, after)) + prefixed("+", without(after, before))

	if text == "" {
		text = "No changes."
	}

	return "Config diff:\n\n" + text
}

func without(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}

func prefixed(mark string, lines []string) string {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(mark + line)
	}

	return text.String()
}
