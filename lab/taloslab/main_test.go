// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// moved marks the test process that has a network namespace of its own.
const moved = "COZY_TALOSLAB_MOVED"

// TestMain runs the tests in a network namespace of their own: it becomes the bastion, so that the product's code, which
// dials as any program does, reaches the nodes, and nothing of the host's network is touched. It takes root.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // each test says what it lacks
	}
	if os.Getenv(moved) != "" {
		if err := setUpLoopback(); err != nil {
			fmt.Fprintln(os.Stderr, "set up the loopback of the tests' network namespace:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // the child's death signal is this thread's
	again := exec.Command("/proc/self/exe", os.Args[1:]...)
	again.Env = append(os.Environ(), moved+"=1")
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := again.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1))
	default:
		fmt.Fprintln(os.Stderr, "run the tests in a network namespace:", err)
		os.Exit(1)
	}
}

func setUpLoopback() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}
