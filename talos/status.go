// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

// Stage is how far a node is, in Talos's words.
type Stage string

// The stages of a node.
const (
	StageUnknown      Stage = "unknown"
	StageBooting      Stage = "booting"
	StageInstalling   Stage = "installing"
	StageMaintenance  Stage = "maintenance"
	StageRunning      Stage = "running"
	StageRebooting    Stage = "rebooting"
	StageShuttingDown Stage = "shutting down"
	StageResetting    Stage = "resetting"
	StageUpgrading    Stage = "upgrading"
)

// Status is what a node is doing.
type Status struct {
	Stage Stage
	Ready bool
	// Unmet says what the node waits for. Show it as it is: it is the best answer there is to "why is it stuck".
	Unmet []Condition
}

// Condition is one thing a node waits for.
type Condition struct {
	Name   string // services, nodeReady, staticPods ...
	Reason string
}

// Status reads the node's stage. A node that has not yet said any is at [StageUnknown].
func (c *Client) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	machine, err := safe.StateGetByID[*runtime.MachineStatus](ctx, c.api.COSI, runtime.MachineStatusID)
	if state.IsNotFoundError(err) {
		return Status{Stage: StageUnknown}, nil
	}

	if err != nil {
		return Status{}, c.fail(ctx, "read the machine's status", err, nil)
	}

	spec := machine.TypedSpec()
	status := Status{Stage: Stage(spec.Stage.String()), Ready: spec.Status.Ready}

	for _, condition := range spec.Status.UnmetConditions {
		status.Unmet = append(status.Unmet, Condition{Name: field(condition.Name), Reason: field(condition.Reason)})
	}

	return status, nil
}
