// SPDX-License-Identifier: Apache-2.0

// Command nodeinit starts a Talos node of the lab: called with a file, it becomes the node's first process. Called as runc,
// in the node, it is runc for hosts that withhold a capability; called as pause, it is what holds a pod's namespaces. Nobody but lab/taloslab calls it.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cozystack/cozy-install/lab/taloslab/container"
)

// waitForEnd waits until the pod is stopped.
func waitForEnd() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	<-signals
}

func main() {
	var err error
	switch {
	case filepath.Base(os.Args[0]) == "runc":
		err = container.Runc(os.Args)
	case filepath.Base(os.Args[0]) == "pause":
		waitForEnd()
		return
	case len(os.Args) == 2:
		err = container.Enter(os.Args[1])
	default:
		err = fmt.Errorf("usage: nodeinit SPEC")
	}
	fmt.Fprintln(os.Stderr, "nodeinit:", err) // both become another program when all is well
	os.Exit(1)
}
