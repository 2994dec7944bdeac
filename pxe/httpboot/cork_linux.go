// SPDX-License-Identifier: Apache-2.0

package httpboot

import (
	"net"

	"golang.org/x/sys/unix"
)

// cork makes the kernel send whole packets only, until the returned function is called: else the answer's head and the
// small pieces between two rounds of sendfile leave as packets of their own, which costs a single client a fifth of its
// speed. It is what nginx's tcp_nopush does. Where it fails, as on a closed connection, only speed is lost.
func cork(conn *net.TCPConn) (uncork func()) {
	set := func(whole int) {
		raw, err := conn.SyscallConn()
		if err != nil {
			return
		}
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, whole) })
	}
	_ = conn.SetNoDelay(false) // it has precedence over the cork
	set(1)
	return func() {
		set(0) // sends what is left
		_ = conn.SetNoDelay(true)
	}
}
