// SPDX-License-Identifier: Apache-2.0

// Package marker is what a machine of the firmware level prints when its kernel runs, and how the lab reads it back.
//
// It refuses to know how the text travels. Still missing: facts of the machine's own, such as its addresses.
package marker

import (
	"fmt"
	"strings"
)

// Lines of the marker start with these.
const (
	stampLine   = "COZY-FIRMWARE stamp "
	cmdlineLine = "COZY-FIRMWARE cmdline "
	// End is the last line. What comes before it is complete when it was seen.
	End = "COZY-FIRMWARE end"
	// Disk is what the boot sector of a disk prints.
	Disk = "COZY-FIRMWARE disk"
)

// Boot is what a machine was started with.
type Boot struct {
	Stamp   string // of the initramfs: a file in it, made anew for each set of boot files
	Cmdline string // the kernel's
}

// String is the marker, one fact a line.
func (b Boot) String() string {
	return fmt.Sprintf("\n%s%s\n%s%s\n%s\n", stampLine, b.Stamp, cmdlineLine, b.Cmdline, End)
}

// Parse finds the marker in a console's text; false when it is not there, or not whole.
func Parse(console string) (Boot, bool) {
	var b Boot
	_, text, isThere := strings.Cut(console, stampLine)
	if !isThere || !strings.Contains(text, End) {
		return Boot{}, false
	}
	b.Stamp, text, _ = strings.Cut(text, "\n")
	_, text, isThere = strings.Cut(text, cmdlineLine)
	b.Cmdline, _, _ = strings.Cut(text, "\n")
	return Boot{Stamp: strings.TrimSpace(b.Stamp), Cmdline: strings.TrimSpace(b.Cmdline)}, isThere
}
