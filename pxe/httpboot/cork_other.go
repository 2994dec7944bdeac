// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package httpboot

import "net"

// cork does nothing where there is none.
func cork(*net.TCPConn) (uncork func()) { return func() {} }
