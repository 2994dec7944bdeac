// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestStagesAreTalossOwnWords(t *testing.T) {
	for theirs, ours := range map[runtime.MachineStage]talos.Stage{
		runtime.MachineStageUnknown: talos.StageUnknown, runtime.MachineStageBooting: talos.StageBooting,
		runtime.MachineStageInstalling: talos.StageInstalling, runtime.MachineStageMaintenance: talos.StageMaintenance,
		runtime.MachineStageRunning: talos.StageRunning, runtime.MachineStageRebooting: talos.StageRebooting,
		runtime.MachineStageShuttingDown: talos.StageShuttingDown, runtime.MachineStageResetting: talos.StageResetting,
		runtime.MachineStageUpgrading: talos.StageUpgrading,
	} {
		require.Equal(t, theirs.String(), string(ours))
	}
}
