// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Below the repository's root, and git-ignored.
const (
	cacheDir  = ".cache/taloslab"
	debianDir = cacheDir + "/debian" // of packages.sh
)

// MissingError says what a machine lacks for this level.
type MissingError struct{ What []string }

func (e *MissingError) Error() string {
	return "Talos level: there is no " + strings.Join(e.What, ", no ")
}

// Hint says how to get it.
func (e *MissingError) Hint() string { return "as root, on Debian: make talos-install" }

// Need checks that everything is there that nodes need: *MissingError.
func Need(root string) error {
	missing := &MissingError{}
	if os.Geteuid() != 0 {
		missing.What = append(missing.What, "root (for containers and network namespaces)")
	}
	actions, _ := os.ReadFile("/proc/sys/kernel/seccomp/actions_avail") // missing: nothing is available
	if !bytes.Contains(actions, []byte("user_notif")) {
		missing.What = append(missing.What, "seccomp user notification in the kernel")
	}
	for _, file := range []string{filepath.Join(root, debianDir, "usr/sbin/runc"), "/dev/net/tun"} {
		if _, err := os.Stat(file); err != nil {
			missing.What = append(missing.What, file)
		}
	}
	kinds, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return fmt.Errorf("find out what the kernel can mount: %w", err)
	}
	if !bytes.Contains(kinds, []byte("overlay")) {
		missing.What = append(missing.What, "overlay file system in the kernel (modprobe overlay)")
	}
	if len(missing.What) == 0 {
		return nil
	}
	return missing
}
