// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"encoding/binary"
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// canSegment asks whether the kernel cuts long packets (UDP_SEGMENT, Linux 4.18).
func canSegment(conn *net.UDPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	can := false
	err = raw.Control(func(fd uintptr) {
		_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		can = err == nil
	})
	return err == nil && can
}

// cannotSegment tells from an error of sending that the way to this client does not take packets to be cut: a network
// card without checksum offload on older kernels (EIO), or a route with a smaller packet size (EINVAL, EMSGSIZE).
func cannotSegment(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EMSGSIZE)
}

// segmentControl is the control message that makes the kernel cut a packet after each size bytes (cmsg(3), udp(7)).
func segmentControl(size int) []byte {
	control := make([]byte, unix.CmsgSpace(2))
	lenBytes := unix.SizeofCmsghdr - 8 // the length is a size_t; level and type are four bytes each
	if lenBytes == 8 {
		binary.NativeEndian.PutUint64(control, uint64(unix.CmsgLen(2)))
	} else {
		binary.NativeEndian.PutUint32(control, uint32(unix.CmsgLen(2)))
	}
	binary.NativeEndian.PutUint32(control[lenBytes:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(control[lenBytes+4:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(control[unix.CmsgLen(0):], uint16(size))
	return control
}
