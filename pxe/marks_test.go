// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInterruptedInstallationGetsTalosInTheNextBootWhateverTheFirmwareTries(t *testing.T) {
	pxe1, http1, pxe2 := asker{"52:54:00:77:00:01", "x86-64 UEFI"}, asker{"52:54:00:77:00:01", "x86-64 UEFI HTTP boot"}, asker{"52:54:00:77:00:02", "x86-64 UEFI"}
	for name, ways := range map[string][]asker{
		"one way": {pxe1}, "PXE, then HTTP": {pxe1, http1}, "two cards": {pxe1, pxe2}, "all of it": {pxe1, http1, pxe2},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarks(steppingClock())
			m.change("node1", func(one *mark) { *one = mark{given: true} })
			for _, way := range ways { // the boot in which it is sent
				_, back := m.asksAgain("node1", way)
				require.False(t, back)
				require.True(t, m.fromDisk("node1"))
				m.sentToDisk("node1", way)
			}
			_, back := m.asksAgain("node1", ways[0])
			require.True(t, back)
			require.False(t, m.fromDisk("node1"), "its disk had nothing to boot")
		})
	}
}

func TestInstalledMachineThatComesBackStaysOnItsDiskAndIsNoticed(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := newMarks(func() time.Time { return now })
	ways := []asker{{"52:54:00:77:00:01", "x86-64 UEFI"}, {"52:54:00:77:00:01", "x86-64 UEFI HTTP boot"}}
	m.change("node1", func(one *mark) { one.installed = true })
	for boot := range 3 {
		for i, way := range ways {
			after, back := m.asksAgain("node1", way)
			require.Equal(t, boot > 0 && i == 0, back, "boot %d, way %d", boot, i)
			if back {
				require.Equal(t, time.Minute, after)
			}
			require.True(t, m.fromDisk("node1"))
			m.sentToDisk("node1", way)
		}
		now = now.Add(time.Minute)
	}
	now = now.Add(time.Hour)
	_, back := m.asksAgain("node1", ways[0])
	require.False(t, back, "it ran for an hour")
}

func TestWaysOfAMachineAreBounded(t *testing.T) {
	m := newMarks(steppingClock())
	for i := range 10 * maxWays {
		m.sentToDisk("node1", asker{mac: macNumber(i).String()})
	}
	require.LessOrEqual(t, len(m.byName["node1"].sent), maxWays)
}
