// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// TestAnUnreadableArchiveEndsOnlyWhatNeedsIt: a broken file must not keep a person from looking at a site, or from removing a node.
func TestAnUnreadableArchiveEndsOnlyWhatNeedsIt(t *testing.T) {
	o := Options{Site: parseSite(t, "bundle: paas-full", "bundle: distro-full"), WorkDir: t.TempDir(), ControllerImage: testController}
	dir, err := workdir.Open(o.WorkDir)
	require.NoError(t, err)
	defer dir.Close()
	require.NoError(t, dir.Write(t.Context(), workdir.ArchiveFile, []byte("{")))
	b, err := newBringup(o, dir)
	require.NoError(t, err)
	var broken *KeptArchiveError
	_, err = b.talosCluster()
	require.ErrorAs(t, err, &broken)
	_, err = b.bootAssets(t.Context(), func(string) {})
	require.ErrorAs(t, err, &broken)
	require.ErrorAs(t, b.takeChartSource(t.Context()), &broken, "it is not known whether there is a network")

	_, err = Work{}.run(t.Context(), o, dir)
	require.NoError(t, err)
	for _, needs := range []Work{{installs: true}, {pulls: true}} {
		_, err = needs.run(t.Context(), o, dir)
		require.ErrorAs(t, err, &broken)
	}
}
