// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

const printed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// record is a line of the kernel's log as Talos's JSON sender writes it.
func record(t testing.TB, msg string) []byte {
	t.Helper()

	data, err := json.Marshal(map[string]any{
		"msg": msg, "talos-time": "2026-11-26T01:02:03.4Z", "talos-level": "info", "facility": "user", "seq": 812,
		"clock": 9312345, "priority": "info",
	})
	require.NoError(t, err)

	return data
}

func issued(controller, fingerprint string) string {
	return `[talos] server certificate issued {"component": "controller-runtime", "controller": "` + controller +
		`", "fingerprint": "` + fingerprint + `"}`
}

func TestTheFingerprintOnTheConsoleIsFoundInTheKernelsLog(t *testing.T) {
	for name, test := range map[string]struct {
		record []byte
		want   bool
	}{
		"Talos 1.11 and 1.12":   {record(t, issued("runtime.MaintenanceServiceController", printed)), true},
		"Talos 1.13":            {record(t, issued("runtime.MaintenanceServiceInformController", printed)), true},
		"another controller":    {record(t, issued("network.AddressController", printed)), false},
		"no fingerprint":        {record(t, issued("runtime.MaintenanceServiceController", "AAEC")), false},
		"another line":          {record(t, "[talos] this machine is reachable at:"), false},
		"cut off":               {record(t, issued("runtime.MaintenanceServiceController", printed)[:120]), false},
		"no JSON":               {[]byte(issued("runtime.MaintenanceServiceController", printed)), false},
		"too long for a record": {record(t, issued("runtime.MaintenanceServiceController", printed)+strings.Repeat(" ", 9<<10)), false},
		"nothing":               {nil, false},
	} {
		got, ok := talos.ConsoleFingerprint(test.record)
		require.Equal(t, test.want, ok, name)

		if ok {
			require.Equal(t, printed, got)
		}
	}
}

// FuzzConsoleFingerprint feeds what anybody may send to an open UDP port.
func FuzzConsoleFingerprint(f *testing.F) {
	f.Add(record(f, issued("runtime.MaintenanceServiceController", printed)))
	f.Add([]byte(`{"msg":"server certificate issued {"}`))
	f.Add([]byte{0xff})

	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := talos.ConsoleFingerprint(data)
		if ok != (got != "") || len(got) > 64 {
			t.Fatalf("got %q, %v", got, ok)
		}
	})
}
