// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package dhcp

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
)

func allowBroadcast(syscall.RawConn) error {
	return fmt.Errorf("adopt a socket on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// bindToInterface needs Linux: elsewhere a bastion can do everything but netboot.
func bindToInterface(syscall.RawConn, string) error {
	return fmt.Errorf("bind a socket to an interface on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
