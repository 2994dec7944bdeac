// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"syscall"
)

// InterfaceError says that there is no usable interface of that name.
type InterfaceError struct {
	Name   string
	Reason string   // "is not there", "has no IPv4 address"
	Have   []string // the interfaces that could be used
}

func (e *InterfaceError) Error() string {
	return fmt.Sprintf("network interface %q: %s", e.Name, e.Reason)
}

// Hint lists what could be meant.
func (e *InterfaceError) Hint() string {
	return fmt.Sprintf("set netboot.interface to the interface on the nodes' network; this host has %s",
		strings.Join(e.Have, ", "))
}

// PortInUseError says that somebody else has a port.
type PortInUseError struct {
	Service string // DHCP, TFTP ...
	Network string // udp or tcp
	At      netip.AddrPort
	Err     error
}

func (e *PortInUseError) Error() string {
	return fmt.Sprintf("open %s port %s/%d: in use on %s", e.Service, e.Network, e.At.Port(), e.At.Addr())
}

func (e *PortInUseError) Unwrap() error { return e.Err }

// Hint says how to find the other server.
func (e *PortInUseError) Hint() string {
	flags := "-ulpn"
	if e.Network == "tcp" {
		flags = "-tlpn"
	}
	return fmt.Sprintf("another %s server runs on this host, perhaps a second cozy-install: find it with: ss %s 'sport = :%d'",
		e.Service, flags, e.At.Port())
}

// NotPermittedError says that a port or an interface is not for this user.
type NotPermittedError struct {
	Service string
	Network string
	At      netip.AddrPort
	Err     error
}

func (e *NotPermittedError) Error() string {
	return fmt.Sprintf("open %s port %s/%d on %s: %v", e.Service, e.Network, e.At.Port(), e.At.Addr(), e.Err)
}

func (e *NotPermittedError) Unwrap() error { return e.Err }

// Hint says which right is needed.
func (e *NotPermittedError) Hint() string {
	return `run as root, or grant the rights: sudo setcap cap_net_bind_service,cap_net_raw+ep "$(command -v cozy-install)"`
}

// listenError names the reason a port could not be opened.
func listenError(service, network string, at netip.AddrPort, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &PortInUseError{Service: service, Network: network, At: at, Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &NotPermittedError{Service: service, Network: network, At: at, Err: err}
	default:
		return fmt.Errorf("open %s port %s/%d: %w", service, network, at.Port(), err)
	}
}
