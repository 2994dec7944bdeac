// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// offMachine is a simulated Redfish service whose one system is off until it is switched on.
type offMachine struct {
	mu     sync.Mutex
	orders []string
	// restart is done on ForceRestart. Nil: nothing.
	restart func()
}

func (m *offMachine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := "Off"
	if len(m.orders) > 0 && m.orders[len(m.orders)-1] == "On" {
		state = "On"
	}
	w.Header().Set("Content-Type", "application/json")
	var answer string
	_, secret, _ := r.BasicAuth()
	switch {
	case strings.TrimSuffix(r.URL.Path, "/") == "/redfish/v1":
		answer = `{"Systems": {"@odata.id": "/redfish/v1/Systems"}}`
	case secret != "hunter2-hunter2":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/redfish/v1/Systems":
		answer = `{"Members": [{"@odata.id": "/redfish/v1/Systems/1"}], "Members@odata.count": 1}`
	case r.Method == http.MethodPatch:
		m.orders = append(m.orders, "netboot")
		answer = `{}`
	case r.Method == http.MethodPost:
		var body struct{ ResetType string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		m.orders = append(m.orders, body.ResetType)
		if body.ResetType == "ForceRestart" && m.restart != nil {
			go m.restart()
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		answer = `{"@odata.id": "/redfish/v1/Systems/1", "Id": "1", "PowerState": "` + state +
			`", "Actions": {"#ComputerSystem.Reset": {"target": "/redfish/v1/Systems/1/reset"}}}`
	}
	_, _ = w.Write([]byte(answer))
}

// bmcText serves the machine's controller, and is what the site file says of it, with more fields.
func bmcText(t *testing.T, m *offMachine, more string) string {
	t.Helper()
	web := httptest.NewTLSServer(m)
	t.Cleanup(web.Close)
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("hunter2-hunter2\n"), 0o600))
	sum := sha256.Sum256(web.Certificate().Raw)
	return fmt.Sprintf("bmc: {address: %q, username: admin, passwordFile: %q, fingerprint: %q%s}",
		"redfish+"+web.URL, file, hex.EncodeToString(sum[:]), more)
}

// siteWithBMC gives cp1 the machine, in addition to more fields of bmc.
func siteWithBMC(t *testing.T, m *offMachine, more string) *bringup {
	t.Helper()
	b := withSecrets(t, parseSite(t, "disk: {serial: D1}", bmcText(t, m, more)+", disk: {serial: D1}"))
	b.opts.WorkDir = b.dir.Path(".")
	return b
}

func TestUpPowersOnlyMachinesOnThatAreMeantToBe(t *testing.T) {
	for name, tc := range map[string]struct {
		more    string
		applied bool
		want    []string
	}{
		"off by default": {"", false, nil},
		"from the network before it has a config": {", powerOn: true", false, []string{"netboot", "On"}},
		"from its disk after that":                {", powerOn: true", true, []string{"On"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &offMachine{}
			b := siteWithBMC(t, m, tc.more)
			if tc.applied {
				require.NoError(t, b.dir.UpdateJournal(t.Context(), func(j *workdir.Journal) { j.Applied = map[string]bool{"cp1": true} }))
			}
			for range 2 { // the second time it is on
				require.NoError(t, b.powerOn(t.Context(), func(string, ...any) {}))
			}
			require.Equal(t, tc.want, m.orders)
		})
	}
}

func TestUpSaysWhyAMachineIsNotPoweredOn(t *testing.T) {
	m := &offMachine{}
	b := siteWithBMC(t, m, ", powerOn: true")
	require.NoError(t, os.WriteFile(b.site.Nodes[0].BMC.PasswordFile, []byte("another-one"), 0o600))
	var said []string
	require.NoError(t, b.powerOn(t.Context(), func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }))
	require.Len(t, said, 1)
	require.Contains(t, said[0], "cp1 could not be switched on")
	require.Contains(t, said[0], "it refuses the login")
	require.NotContains(t, said[0], "another-one")
	require.Empty(t, m.orders)
}

func TestPowerOfANodeNeedsAController(t *testing.T) {
	m := &offMachine{}
	b := siteWithBMC(t, m, "")
	view, err := Power(t.Context(), b.opts, PowerOn, "cp1", true, false)
	require.NoError(t, err)
	require.Equal(t, PowerView{Node: "cp1", Power: "On"}, view)
	require.Equal(t, []string{"netboot", "On"}, m.orders)
	_, err = Power(t.Context(), b.opts, PowerCycle, "cp1", false, false)
	require.NoError(t, err, "it does not answer: nothing is lost")
	require.Equal(t, "ForceRestart", m.orders[2])
	_, err = Power(t.Context(), b.opts, PowerStatus, "cp2", false, false)
	var missing *NoBMCError
	require.ErrorAs(t, err, &missing)
}
