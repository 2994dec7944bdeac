// SPDX-License-Identifier: Apache-2.0

package world

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nobody presses a power button: up switches the machines on by their management controllers, from the network.
func TestUpSwitchesMachinesOnByTheirControllers(t *testing.T) {
	const secret = "hunter2-hunter2"
	s := startStage(t, Config{SiteFile: faultSite, Network: Relayed, Speed: faultSpeed, WithoutPlane: true})
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte(secret+"\n"), 0o600))
	for i, name := range []string{"cp1", "cp2", "cp3", "w1", "w2"} {
		controller, err := s.Fleet.Controller(name, "admin", secret)
		require.NoError(t, err)
		web := httptest.NewTLSServer(controller)
		t.Cleanup(web.Close)
		sum := sha256.Sum256(web.Certificate().Raw)
		disk := fmt.Sprintf("disk: {serial: FAULT-DISK-%d}", i+1)
		s.edit(disk, fmt.Sprintf("%s, bmc: {address: %q, username: admin, passwordFile: %q, fingerprint: %q, powerOn: true}",
			disk, "redfish+"+web.URL, password, hex.EncodeToString(sum[:])))
	}
	s.mustUp("--until", lastFaultPhase)
	orders := map[string][]string{}
	for _, e := range s.Fleet.Events() {
		if e.Kind == "controller" {
			orders[e.Machine] = append(orders[e.Machine], e.Details["order"])
		}
	}
	for _, name := range []string{"cp1", "cp2", "cp3", "w1", "w2"} {
		require.Equal(t, []string{"netboot", "On"}, orders[name], name)
	}

	code, out, said := s.onBastion("node", "power", "off", "w1", "-f", s.siteFile, "--work-dir", s.work)
	require.Equal(t, 1, code, "%s%s", out, said)
	require.Contains(t, said, "its power is left alone")
	code, out, said = s.onBastion("node", "power", "off", "w1", "--force", "-f", s.siteFile, "--work-dir", s.work)
	require.Zero(t, code, said)
	require.Contains(t, out, "Off")
	s.mustUp("--until", lastFaultPhase)
	code, out, said = s.onBastion("node", "power", "status", "w1", "-f", s.siteFile, "--work-dir", s.work)
	require.Zero(t, code, said)
	require.Contains(t, out, "On")
}
