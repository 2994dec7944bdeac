// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// Maintenance mode of 1.11 and 1.12 answers reads of resources only; 1.13 has the whole API, for readers.
func TestASupportBundleHasMachinesInMaintenanceModeOfEveryTalos(t *testing.T) {
	for _, version := range []string{"v1.11.6", "v1.12.6", "v1.13.9"} {
		t.Run(version, func(t *testing.T) {
			peers := &talosim.Peers{}
			for _, number := range []byte{2, 5} {
				m := startMachine(t, peers, number, func(c *talosim.Config) { c.Version = version })
				require.Eventually(t, func() bool { return m.shown() != "" }, 2*time.Minute, 10*time.Millisecond)
			}
			file := filepath.Join(t.TempDir(), "bundle.zip")
			_, err := Support(t.Context(), Options{Site: machineSiteWith(t, "", ""), WorkDir: t.TempDir()}, SupportOptions{File: file})
			require.NoError(t, err)
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			files := unpacked(t, data)
			var summary SupportBundle
			require.NoError(t, json.Unmarshal([]byte(files["summary.json"]), &summary))
			require.Len(t, summary.Nodes, 2)
			for _, n := range summary.Nodes {
				require.Equal(t, "maintenance", n.State, "%s: %s", n.Name, n.Reason)
				require.Contains(t, files["nodes/"+n.Name+"/resources/disks.block.talos.dev.yaml"], "/dev/vda")
				require.Contains(t, files["nodes/"+n.Name+"/inventory.json"], version)
			}
		})
	}
}
