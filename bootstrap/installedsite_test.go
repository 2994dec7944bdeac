// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"
)

// threePlanes adds two control planes to the site of machines.
const threePlanes = `- {name: cp2, role: controlplane, mac: "52:54:00:12:00:03", address: 127.212.7.3, disk: {serial: D3}}
- {name: cp3, role: controlplane, mac: "52:54:00:12:00:04", address: 127.212.7.4, disk: {serial: D4}}
- {name: w1,`

// installedSite is a site of simulated machines that an up took to its one etcd: cp1, with more control planes if there are
// three, and w1.
func installedSite(t *testing.T, planes int) (Options, map[byte]*simulated) {
	t.Helper()
	s := machineSiteWith(t, "- {name: w1,", "- {name: w1,")
	started := map[byte]runtime.SecurityStateSpec{2: {}, 5: {}}
	if planes == 3 {
		s = machineSiteWith(t, "- {name: w1,", threePlanes)
		started[3], started[4] = runtime.SecurityStateSpec{}, runtime.SecurityStateSpec{}
	}
	running := machines(t, started)
	o := Options{Site: s, WorkDir: filepath.Join(t.TempDir(), "work"), NodeTimeout: time.Minute, Until: "etcd"}
	_, err := Up(t.Context(), o)
	require.NoError(t, err)
	return o, running
}
