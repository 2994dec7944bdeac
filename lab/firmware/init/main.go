// SPDX-License-Identifier: Apache-2.0

// Command init is the first and only process of the machines that the firmware level boots: it prints what the machine
// was started with and restarts it, which ends QEMU.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cozystack/cozy-install/lab/firmware/marker"
)

// consoleOff keeps the kernel's own messages out of the marker's lines (syslog(2), SYSLOG_ACTION_CONSOLE_OFF).
const consoleOff = 6

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: this is for a machine of the firmware level, as its first process")
		os.Exit(2)
	}
	_, _ = unix.Klogctl(consoleOff, nil) // the marker may then be torn, which its reader notices
	if err := tell(); err != nil {
		fmt.Println("init:", err)
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // the kernel panics instead when init ends
}

func tell() error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	stamp, err := os.ReadFile("/stamp")
	if err != nil {
		return err
	}
	fmt.Print(marker.Boot{Stamp: strings.TrimSpace(string(stamp)), Cmdline: strings.TrimSpace(string(cmdline))})
	return nil
}
