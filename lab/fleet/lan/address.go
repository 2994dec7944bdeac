// SPDX-License-Identifier: Apache-2.0

package lan

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Assign gives the namespace's link an address. Giving it twice is no error. An IPv6 address is usable at once: nobody
// else is on this network who could have it too.
func (s *Space) Assign(address netip.Prefix) error {
	link, err := s.handle.LinkByName(linkName)
	if err != nil {
		return err
	}

	given := &netlink.Addr{IPNet: ipNet(address)}
	if address.Addr().Is6() {
		given.Flags = unix.IFA_F_NODAD
	}

	if err := s.handle.AddrReplace(link, given); err != nil {
		return fmt.Errorf("assign %s: %w", address, err)
	}

	return nil
}

// Withdraw takes an address of the namespace's link away. Taking one that is not there is no error.
func (s *Space) Withdraw(address netip.Prefix) error {
	link, err := s.handle.LinkByName(linkName)
	if err != nil {
		return err
	}

	err = s.handle.AddrDel(link, &netlink.Addr{IPNet: ipNet(address)})
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("withdraw %s: %w", address, err)
	}

	return nil
}
