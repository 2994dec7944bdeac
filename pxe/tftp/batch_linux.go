// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls here never wait, so they are made without telling Go's scheduler, as a computation is: it would take
// the processor of each one that lasts 20 microseconds and give it back, which costs a sixth of the server's time
// (measured with 64 clients). golang.org/x/net has the same calls, but tells the scheduler.

// mmsghdr is struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32 // of what was received
}

// inbox takes packets from a socket.
type inbox struct {
	raw     syscall.RawConn
	headers [batchSize]mmsghdr
	senders [batchSize]unix.RawSockaddrInet4
	vectors [batchSize]unix.Iovec
	buffers [batchSize][maxPacket]byte
	count   int
	err     error
}

func newInbox(conn *net.UDPConn) (*inbox, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &inbox{raw: raw}
	for i := range b.headers {
		b.vectors[i].Base = &b.buffers[i][0]
		b.vectors[i].SetLen(maxPacket)
		b.headers[i].header.Name = (*byte)(unsafe.Pointer(&b.senders[i])) //nolint:gosec // the kernel writes a sockaddr_in there
		b.headers[i].header.Iov = &b.vectors[i]
		b.headers[i].header.SetIovlen(1)
	}
	return b, nil
}

// read waits for packets and says how many there are. They hold until the next read.
func (b *inbox) read() (int, error) {
	if err := b.raw.Read(b.receive); err != nil {
		return 0, err
	}
	return b.count, os.NewSyscallError("recvmmsg", b.err)
}

// receive returns false when nothing is there yet.
func (b *inbox) receive(fd uintptr) bool {
	for i := range b.headers {
		b.headers[i].header.Namelen = unix.SizeofSockaddrInet4
	}
	b.count, b.err = mmsg(unix.SYS_RECVMMSG, fd, b.headers[:])
	return b.err != unix.EAGAIN //nolint:errorlint // mmsg returns the bare number
}

// packet is one of those that were read.
func (b *inbox) packet(i int) (data []byte, from netip.AddrPort) {
	sender := &b.senders[i]
	return b.buffers[i][:b.headers[i].length], netip.AddrPortFrom(netip.AddrFrom4(sender.Addr), swapped(sender.Port))
}

// sendings sends packets by a socket.
type sendings struct {
	raw     syscall.RawConn
	headers [batchSize]mmsghdr
	targets [batchSize]unix.RawSockaddrInet4
	vectors [batchSize * maxParts]unix.Iovec
	count   int // of headers that are filled in
	sent    int
	err     error
}

func newSendings(conn *net.UDPConn) (*sendings, error) {
	raw, err := conn.SyscallConn()
	return &sendings{raw: raw}, err
}

// send sends messages, batchSize at most, and says how many went out. An error is that of the first one that did not.
func (s *sendings) send(messages []message) (int, error) {
	vectors := s.vectors[:0]
	for i := range messages {
		m, header, target := &messages[i], &s.headers[i].header, &s.targets[i]
		target.Family, target.Port, target.Addr = unix.AF_INET, swapped(m.to.Port()), m.to.Addr().As4()
		first := len(vectors)
		for _, part := range m.parts {
			vectors = append(vectors, unix.Iovec{Base: unsafe.SliceData(part)}) //nolint:gosec // nil for none
			vectors[len(vectors)-1].SetLen(len(part))
		}
		header.Name, header.Namelen = (*byte)(unsafe.Pointer(target)), unix.SizeofSockaddrInet4 //nolint:gosec // a sockaddr_in
		header.Iov = unsafe.SliceData(vectors[first:])                                          //nolint:gosec // as the call wants it
		header.SetIovlen(len(m.parts))
		header.Control = unsafe.SliceData(m.control) //nolint:gosec // nil for none
		header.SetControllen(len(m.control))
	}
	s.count = len(messages)
	if err := s.raw.Write(s.transmit); err != nil {
		return 0, err
	}
	return s.sent, os.NewSyscallError("sendmmsg", s.err)
}

// transmit returns false when the socket's queue is full.
func (s *sendings) transmit(fd uintptr) bool {
	s.sent, s.err = mmsg(unix.SYS_SENDMMSG, fd, s.headers[:s.count])
	return s.err != unix.EAGAIN //nolint:errorlint // mmsg returns the bare number
}

// mmsg makes one of the two system calls.
func mmsg(number, fd uintptr, headers []mmsghdr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(number, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(headers))), uintptr(len(headers)), unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // as the call wants it
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// swapped turns a port from network order to that of the machine, and back.
func swapped(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}
