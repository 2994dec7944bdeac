// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"
)

// reportHead explains the columns.
const reportHead = `Simulated machines boot at once from one cozy-install pxe serve over loopback, by turns with each kind of firmware, to a
kernel of 1 MiB and an initramfs of 4 MiB, or to a UKI of 5 MiB. The machines are on the same processors.

| machines | median s | all s | server's peak memory MiB | server's CPU ms a machine | packets lost: server, site's DHCP |
|---|---|---|---|---|---|
`

// report is what a storm came to.
type report struct {
	machines int
	began    time.Time
	took     []time.Duration // until each had its kernel
	memory   int64           // the server's peak, in bytes
	cpu      time.Duration   // of the server, from its start

	lost       int // packets that came to the server when a socket's buffer was full
	lostBySite int // and to the simulated DHCP server of the site
}

// all is how long it took until the last machine had its kernel.
func (r report) all() time.Duration { return slices.Max(r.took) }

// String is a row of the table.
func (r report) String() string {
	sorted := slices.Sorted(slices.Values(r.took))

	return fmt.Sprintf("| %d | %.1f | %.1f | %d | %.1f | %d, %d |", r.machines, sorted[len(sorted)/2].Seconds(), r.all().Seconds(),
		r.memory>>20, 1000*r.cpu.Seconds()/float64(r.machines), r.lost, r.lostBySite)
}
