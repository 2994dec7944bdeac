// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// question is struct seccomp_notif, answer seccomp_notif_resp, and descriptor seccomp_notif_addfd (linux/seccomp.h).
type question struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type answer struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

type descriptor struct {
	id                              uint64
	flags, srcFD, newFD, newFDFlags uint32
}

// ioctlAddFD is SECCOMP_IOCTL_NOTIF_ADDFD, which golang.org/x/sys does not have.
const ioctlAddFD = 0x40182103

// isWithheld says whether a file is one that a node may not write: it would change the host that all nodes share, or needs
// a capability that the host may withhold. Whoever opens it gets a file that swallows what is written.
func isWithheld(path string) bool {
	if setting, found := strings.CutPrefix(path, "/proc/sys/"); found {
		return !strings.HasPrefix(setting, "net/") || isHostsNetwork(setting) // the others are the node's own
	}
	return strings.HasPrefix(path, "/proc/") && strings.HasSuffix(path, "/oom_score_adj")
}

// isHostsNetwork knows the settings below net that only the host's own network namespace has, of those that Talos or a bundle
// sets: the budgets of network cards, and the sizes of the tables of neighbours.
func isHostsNetwork(setting string) bool {
	return strings.HasPrefix(setting, "net/core/netdev_") || strings.Contains(setting, "/neigh/default/gc_thresh")
}

// receiveListener takes the descriptor that container.Enter sends.
func receiveListener(conn *net.UnixConn) (int, error) {
	buf, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(buf, rights)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return 0, err
	}
	if len(messages) != 1 {
		return 0, errors.New("the node sent no seccomp listener")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	unix.CloseOnExec(fds[0])
	return fds[0], nil
}

// answerQuestions decides about each file that a node opens for writing, until the last process of the node is gone. It
// closes the listener.
func answerQuestions(listener int) (err error) {
	defer func() { err = errors.Join(err, unix.Close(listener)) }()
	nothing, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer nothing.Close()
	for {
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for the node's questions: %w", err)
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			if poll[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 {
				return nil
			}
			continue
		}
		if err := answerOne(listener, int(nothing.Fd())); err != nil {
			return err
		}
	}
}

// answerOne answers one question. That whoever asked is dead by now is no error.
func answerOne(listener, nothing int) error {
	var asked question
	if err := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&asked)); err != nil {
		return gone(err)
	}
	if path, err := readPath(int(asked.pid), uintptr(asked.args[1])); err == nil && isWithheld(path) {
		given := descriptor{
			id: asked.id, flags: unix.SECCOMP_ADDFD_FLAG_SEND, srcFD: uint32(nothing),
			newFDFlags: uint32(asked.args[2]) & unix.O_CLOEXEC,
		}
		return gone(ioctl(listener, ioctlAddFD, unsafe.Pointer(&given)))
	}
	// The kernel reads the path again. A node that changes it meanwhile cheats only itself: this is no guard against attacks.
	passed := answer{id: asked.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	return gone(ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&passed)))
}

func ioctl(fd int, request uint, argument unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(argument))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

// gone drops the errors that say that whoever asked is no longer there, or has its answer: a signal may interrupt a call
// that gave it, and the kernel refuses the second one (EINPROGRESS, seccomp_unotify(2)).
func gone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINPROGRESS) {
		return nil
	}
	return err
}

// maxPath is longer than any path that isWithheld knows.
const maxPath = 128

// readPath reads the start of a string in another process's memory, in two parts, for the next page may not be there.
func readPath(pid int, at uintptr) (string, error) {
	buf := make([]byte, maxPath)
	first := min(maxPath, os.Getpagesize()-int(at)%os.Getpagesize())
	remote := []unix.RemoteIovec{{Base: at, Len: first}}
	if first < maxPath {
		remote = append(remote, unix.RemoteIovec{Base: at + uintptr(first), Len: maxPath - first})
	}
	n, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &buf[0], Len: maxPath}}, remote, 0)
	if err != nil {
		return "", err
	}
	path, _, _ := strings.Cut(string(buf[:n]), "\x00")
	return path, nil
}
