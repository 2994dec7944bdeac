// SPDX-License-Identifier: Apache-2.0

package marker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/firmware/marker"
)

func TestWhatIsPrintedIsReadBack(t *testing.T) {
	boot := marker.Boot{Stamp: "7d1f", Cmdline: "console=ttyS0 a=b"}
	console := "[    1.0] Run /init as init process\n" + boot.String() + "[    1.1] reboot: Restarting system\n"

	got, isWhole := marker.Parse(strings.ReplaceAll(console, "\n", "\r\n"))
	require.True(t, isWhole)
	require.Equal(t, boot, got)
}

func TestHalfAMarkerIsNone(t *testing.T) {
	whole := marker.Boot{Stamp: "7d1f", Cmdline: "console=ttyS0"}.String()
	for cut := range len(whole) - len("\n") {
		_, isWhole := marker.Parse(whole[:cut])
		require.False(t, isWhole, "%q", whole[:cut])
	}
}
