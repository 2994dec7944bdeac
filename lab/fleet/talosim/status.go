// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Stage is where the system is between its boot and its end.
type Stage string

// The stages, named as Talos names them.
const (
	StageMaintenance  Stage = "maintenance"
	StageInstalling   Stage = "installing"
	StageRebooting    Stage = "rebooting"
	StageBooting      Stage = "booting"
	StageRunning      Stage = "running"
	StageShuttingDown Stage = "shutting down"
	StageUpgrading    Stage = "upgrading"
	StageResetting    Stage = "resetting"
)

// Names and states of services, as `talosctl services` shows them.
const (
	serviceAPID    = "apid"
	serviceEtcd    = "etcd"
	serviceKubelet = "kubelet"

	stateInitialized = "Initialized"
	statePreparing   = "Preparing"
	stateRunning     = "Running"
	stateFailed      = "Failed"
	stateFinished    = "Finished"
)

type service struct {
	id, state string
	healthy   bool
	events    []*machine.ServiceEvent
}

// setStage publishes the stage, the services that keep it from being ready, and an event.
func (o *osRun) setStage(ctx context.Context, stage Stage) error {
	o.mu.Lock()
	if o.stage == StageRebooting || o.stage == StageShuttingDown || o.stage == StageResetting && stage == StageRunning {
		stage = o.stage // a service that came up late does not stop the end
	}

	changed := o.stage != stage
	o.stage = stage
	unmet := o.unmet()
	o.mu.Unlock()

	if stage == "" {
		return nil // the boot has not begun
	}

	number, err := runtime.MachineStageString(string(stage))
	if err != nil {
		return err
	}

	err = safe.StateModify(ctx, o.resources, runtime.NewMachineStatus(), func(r *runtime.MachineStatus) error {
		r.TypedSpec().Stage = number
		r.TypedSpec().Status = runtime.MachineStatusStatus{Ready: len(unmet) == 0, UnmetConditions: unmet}

		return nil
	})
	if err != nil {
		return err
	}

	o.events.add(statusEvent(number, unmet))

	if changed && o.OnStage != nil {
		o.OnStage(stage)
	}

	return nil
}

// unmet is what keeps the machine from being ready, in the words of Talos. Only a boot with a config has conditions.
func (o *osRun) unmet() []runtime.UnmetCondition {
	if o.stage != StageBooting && o.stage != StageRunning {
		return nil
	}

	var (
		unmet    []runtime.UnmetCondition
		services []string
	)

	if !o.timeSynced() {
		unmet = append(unmet, runtime.UnmetCondition{Name: "time", Reason: "time is not synced"})
	}

	for _, s := range o.services {
		if !s.healthy {
			services = append(services, s.id+" not running")
		}
	}

	if len(services) > 0 {
		unmet = append(unmet, runtime.UnmetCondition{Name: "services", Reason: strings.Join(services, ", ")})
	}

	return unmet
}

// setService publishes a service's new state.
func (o *osRun) setService(ctx context.Context, id, state, message string) error {
	healthy := state == stateRunning

	o.mu.Lock()

	i := slices.IndexFunc(o.services, func(s *service) bool { return s.id == id })
	if i < 0 {
		i = len(o.services)
		o.services = append(o.services, &service{id: id})
	}

	s := o.services[i]
	s.state, s.healthy = state, healthy
	s.events = append(s.events, &machine.ServiceEvent{Msg: message, State: state, Ts: timestamppb.Now()})
	stage := o.stage
	o.mu.Unlock()

	err := safe.StateModify(ctx, o.resources, v1alpha1.NewService(id), func(r *v1alpha1.Service) error {
		*r.TypedSpec() = v1alpha1.ServiceSpec{Running: healthy, Healthy: healthy}

		return nil
	})

	o.events.add(&machine.ServiceStateEvent{
		Service: id, Message: message, Health: &machine.ServiceHealth{Healthy: healthy, LastChange: timestamppb.Now()},
	})

	return errors.Join(err, o.setStage(ctx, stage))
}

// ServiceList implements the machine API.
func (a *api) ServiceList(context.Context, *empty) (*machine.ServiceListResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()

	list := &machine.ServiceList{}

	for _, s := range a.services {
		list.Services = append(list.Services, &machine.ServiceInfo{
			Id: s.id, State: s.state,
			Health: &machine.ServiceHealth{Healthy: s.healthy, LastChange: s.events[len(s.events)-1].GetTs()},
			Events: &machine.ServiceEvents{Events: slices.Clone(s.events)},
		})
	}

	return &machine.ServiceListResponse{Messages: []*machine.ServiceList{list}}, nil
}

func statusEvent(stage runtime.MachineStage, unmet []runtime.UnmetCondition) *machine.MachineStatusEvent {
	status := &machine.MachineStatusEvent_MachineStatus{Ready: len(unmet) == 0}
	for _, u := range unmet {
		status.UnmetConditions = append(status.UnmetConditions,
			&machine.MachineStatusEvent_MachineStatus_UnmetCondition{Name: u.Name, Reason: u.Reason})
	}

	return &machine.MachineStatusEvent{
		Stage: machine.MachineStatusEvent_MachineStage(stage), Status: status, // the same numbers
	}
}

// cleanupTimeout bounds what a machine still does when its power is gone: telling Kubernetes that it is.
const cleanupTimeout = 10 * time.Second
