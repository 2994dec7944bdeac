// SPDX-License-Identifier: Apache-2.0

package lan

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Tap plugs in a machine whose network card is a program: each Read of the file is one Ethernet frame for the machine,
// each Write one from it. The caller closes it, which removes the port; so does the end of the process.
func (n *Netns) Tap() (*os.File, error) {
	n.mu.Lock()
	n.nextID++
	name := fmt.Sprintf("tap%d", n.nextID)
	n.mu.Unlock()

	tap, err := n.openTap(name)
	if err != nil {
		return nil, fmt.Errorf("plug %s into the simulated LAN: %w", name, err)
	}

	if err := n.joinTap(name); err != nil {
		return nil, errors.Join(fmt.Errorf("plug %s into the simulated LAN: %w", name, err), tap.Close())
	}

	return tap, nil
}

func (n *Netns) openTap(name string) (tap *os.File, err error) {
	err = n.bridge.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err}
		}

		request, err := unix.NewIfreq(name)
		if err == nil {
			request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}

		if err != nil {
			return errors.Join(fmt.Errorf("make the tap: %w", err), unix.Close(fd))
		}

		tap = os.NewFile(uintptr(fd), name) // non-blocking, so that Close wakes a waiting Read

		return nil
	})

	return tap, err
}

func (n *Netns) joinTap(name string) error {
	link, err := n.bridge.handle.LinkByName(name)
	if err != nil {
		return err
	}

	if err := n.bridge.handle.LinkSetMasterByIndex(link, n.master); err != nil {
		return err
	}

	return n.bridge.handle.LinkSetUp(link)
}
