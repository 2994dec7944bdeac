// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (linux/seccomp.h). The third argument of openat is its flags.
const (
	offsetCall  = 0
	offsetArch  = 4
	offsetFlags = 16 + 2*8
)

// filter asks the listener about each openat that wants to write, and lets everything else through. Files that are only read, by
// far the most, cost nothing.
func filter(arch, openat uint32) ([]bpf.RawInstruction, error) {
	return bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arch, SkipFalse: 6},
		bpf.LoadAbsolute{Off: offsetCall, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: openat, SkipFalse: 4},
		bpf.LoadAbsolute{Off: offsetFlags, Size: 4}, // the lower half: both architectures are little-endian
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: unix.O_ACCMODE},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.O_RDONLY, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_USER_NOTIF},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	})
}

// architecture is this one's number in seccomp_data; zero: unknown.
func architecture() uint32 {
	switch runtime.GOARCH {
	case "amd64":
		return unix.AUDIT_ARCH_X86_64
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64
	default:
		return 0
	}
}

// handOverListener puts the filter on this thread, and so on everything the node will ever run, and sends the descriptor
// on which its questions arrive over a Unix socket.
func handOverListener(socket int) error {
	arch := architecture()
	if arch == 0 {
		return fmt.Errorf("no seccomp filter for %s", runtime.GOARCH)
	}
	program, err := filter(arch, unix.SYS_OPENAT)
	if err != nil {
		return err
	}
	fprog := unix.SockFprog{
		Len:    uint16(len(program)),
		Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0])), // the same layout: code, jt, jf, k
	}
	// A question that was taken up is interrupted by death only: Go's runtime sends signals to its threads all the time.
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	listener, _, errno := unix.Syscall(
		unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return fmt.Errorf("seccomp with user notification (Linux 5.19 or later): %w", errno)
	}
	if err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(int(listener)), nil, 0); err != nil {
		return fmt.Errorf("send the listener: %w", err)
	}
	if err := unix.Close(int(listener)); err != nil {
		return err
	}
	return unix.Close(socket)
}
