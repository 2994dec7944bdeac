// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"
)

// Streams are what the program was started with: Out takes the answer, Err the conversation.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Sockets were opened by systemd, and are named after the netboot service that each is for. Run closes them; none is
	// the usual case.
	Sockets []*os.File
	// Published is the image of cozy-controller that this release installs, by digest. Empty: none was published.
	Published string

	version string // of the program
}

// closeSockets closes those that no command took.
func (s Streams) closeSockets() {
	for _, file := range s.Sockets {
		_ = file.Close() // those that were taken are closed already
	}
}
