// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindToInterface ties a socket to one interface, so that requests of other networks are not seen and broadcasts leave
// where they should, whatever the routes say.
func bindToInterface(raw syscall.RawConn, name string) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt SO_BINDTODEVICE", unix.BindToDevice(int(fd), name))
	})
	if err != nil {
		return err
	}
	return failed
}
