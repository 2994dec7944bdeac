// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

func TestMaintenanceModeOfEachVersion(t *testing.T) {
	for version, test := range map[string]struct {
		prefix byte
		small  bool // the maintenance service of before 1.13
	}{
		"v1.11.5": {190, true}, "v1.12.3": {191, true}, "v1.13.9": {192, false},
	} {
		t.Run(version, func(t *testing.T) {
			lab := newLab(t, test.prefix)
			lab.timing.Install = 5 * time.Minute // 3 s
			lab.change = func(c *talosim.Config) { c.Version = version }
			m := lab.machine(1)
			m.inMaintenance()

			unimplemented := codes.OK
			if test.small {
				unimplemented = codes.Unimplemented
			}

			c := m.anonymous()
			_, err := c.Version(t.Context())
			require.Equal(t, unimplemented, client.StatusCode(err), "%v", err)
			_, err = c.ServiceList(t.Context())
			require.Equal(t, unimplemented, client.StatusCode(err), "%v", err)

			data := lab.configFor(1, machinetype.TypeControlPlane)
			if version == "v1.11.5" {
				data = m.refusesNewKinds(data)
			}

			m.refusesInItsOwnWords(data, test.small)
			answer, err := m.apply(data, true)
			require.NoError(t, err)
			require.Equal(t, test.small, strings.HasSuffix(answer.GetMessages()[0].GetModeDetails(),
				"Node is running in maintenance mode and does not have a config yet."))

			m.install(data)

			if !test.small {
				_, err = m.apply(data, false)
				require.Equal(t, codes.FailedPrecondition, client.StatusCode(err), "%v", err)

				return
			}

			lab.eventually("the end of the maintenance service", func() error {
				if _, err := m.onDisks(m.anonymous()); client.StatusCode(err) != codes.Unavailable {
					return errors.New("it still answers")
				}

				return nil
			})
		})
	}
}

func (m *testMachine) refusesInItsOwnWords(data []byte, small bool) {
	m.lab.Helper()

	want := codes.InvalidArgument
	if small {
		want = codes.Unknown
	}

	_, err := m.apply([]byte(strings.Replace(string(data), "machine:\n", "machine:\n    colour: green\n", 1)), true)
	require.Equal(m.lab, want, client.StatusCode(err))
	require.ErrorContains(m.lab, err, "unknown keys found during decoding")
	require.Equal(m.lab, small, strings.Contains(err.Error(), "failed to parse config: "))

	_, err = m.anonymous().ApplyConfiguration(m.lab.Context(), &machine.ApplyConfigurationRequest{
		Data: data, DryRun: true, Mode: machine.ApplyConfigurationRequest_NO_REBOOT,
	})
	require.Equal(m.lab, small, client.StatusCode(err) == codes.Unimplemented, "%v", err)
}

// refusesNewKinds gives the config's first document, without what 1.11 does not know.
func (m *testMachine) refusesNewKinds(data []byte) []byte {
	m.lab.Helper()

	_, err := m.apply(data, true)
	require.ErrorContains(m.lab, err, "failed to parse config: unknown keys found during decoding:\nmachine:\n    install:\n        grubUseUKICmdline: true\n")

	data = []byte(strings.ReplaceAll(string(data), "        grubUseUKICmdline: true\n", ""))
	_, err = m.apply(data, true)
	require.ErrorContains(m.lab, err, `failed to parse config: "`)
	require.ErrorContains(m.lab, err, "not registered")

	first, _, more := strings.Cut(string(data), "\n---\n")
	require.True(m.lab, more)

	return []byte(first)
}

func TestTheFingerprintIsInTheKernelsLog(t *testing.T) {
	lab := newLab(t, 193)

	type sent struct {
		from   netip.Addr
		record []byte
	}

	records := make(chan sent, 1)
	lab.change = func(c *talosim.Config) {
		c.KernelLog = func(from netip.Addr, record []byte) { records <- sent{from, record} }
	}
	m := lab.machine(1)
	m.inMaintenance()

	got := <-records
	require.Equal(t, lab.address(101), got.from)

	var line struct{ Msg string }
	require.NoError(t, json.Unmarshal(got.record, &line))
	require.Contains(t, line.Msg, `"controller": "runtime.MaintenanceServiceInformController"`)
}
