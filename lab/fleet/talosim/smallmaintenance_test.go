// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"testing"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

func TestMaintenanceBefore113TakesConfigsAndShowsResourcesOnly(t *testing.T) {
	lab := newLab(t, 175)
	lab.version = "v1.12.0"
	c := lab.machine(1).anonymous()
	lab.eventually("maintenance", func() error {
		_, err := safe.StateGetByID[*hardware.SystemInformation](t.Context(), c.COSI, hardware.SystemInformationID)

		return err
	})

	_, err := c.Version(t.Context())
	require.Equal(t, codes.Unimplemented, client.StatusCode(err))
	require.ErrorContains(t, err, "API is not implemented in maintenance mode")

	_, err = c.ServiceList(t.Context())
	require.Equal(t, codes.Unimplemented, client.StatusCode(err))

	for mode, want := range map[machine.ApplyConfigurationRequest_Mode]codes.Code{
		machine.ApplyConfigurationRequest_AUTO:      codes.Unknown, // the config can't be read
		machine.ApplyConfigurationRequest_REBOOT:    codes.Unknown,
		machine.ApplyConfigurationRequest_NO_REBOOT: codes.Unimplemented,
		machine.ApplyConfigurationRequest_STAGED:    codes.Unimplemented,
	} {
		_, err := c.ApplyConfiguration(t.Context(), &machine.ApplyConfigurationRequest{Data: []byte("{{"), Mode: mode, DryRun: true})
		require.Equal(t, want, client.StatusCode(err), "%s: %v", mode, err)
	}
}
