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
	return control(raw, func(fd int) error {
		return os.NewSyscallError("setsockopt SO_BINDTODEVICE", unix.BindToDevice(fd, name))
	})
}

// allowBroadcast does what Go does for sockets it opens itself.
func allowBroadcast(raw syscall.RawConn) error {
	return control(raw, func(fd int) error {
		return os.NewSyscallError("setsockopt SO_BROADCAST", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
	})
}

func control(raw syscall.RawConn, do func(fd int) error) error {
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
