// SPDX-License-Identifier: Apache-2.0

// Package frame holds what measurements of the product's own program have in common: the program, built and watched as a
// process of its own, and a site on loopback around it, with the site's own servers and files.
//
// It refuses to know what is measured, and it has no machines.
package frame

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// MinNodes and MaxNodes are how many a site may have: its control planes, and what the address plan has room for.
const (
	MinNodes = 3
	MaxNodes = 2000
)

// Site is a site with three control planes. Its addresses are all on loopback: its own servers at .0.1, its pool from .16.1
// on, the nodes' own from .32.1 on, their relays' from .64.1 on. The program takes the first address of the interface lo.
type Site struct {
	Name  string
	Octet byte // the second of all addresses: sites with different ones don't meet
	Nodes int
	// Talos is the version that is installed. Empty: the product's default.
	Talos string
	// Serves: the program gives the addresses (netboot.mode: server); else the site's own DHCP server does.
	Serves bool
	// Arch is what a node's netboot.arch is; nil: the default of all.
	Arch func(n int) string
	// Dir is where the files are.
	Dir string

	// Ports, Web and Network are there after Open.
	Ports   lan.Ports
	Web     uint16 // the program's HTTP port
	Network *lan.Relay
}

func (s *Site) at(third, fourth byte) netip.Addr {
	return netip.AddrFrom4([4]byte{127, s.Octet, third, fourth})
}

// Address is where the site's own servers are.
func (s *Site) Address() netip.Addr { return s.at(0, 1) }

// ServerAddress is where the program's servers are.
func (*Site) ServerAddress() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// MAC is a node's hardware address.
func (s *Site) MAC(n int) net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0, s.Octet, byte(n >> 8), byte(n)}
}

// NodeName is a node's name.
func (*Site) NodeName(n int) string { return fmt.Sprintf("node%d", n) }

func (s *Site) pool() (first, last netip.Addr) { return s.at(16, 1), s.at(31, 254) }

func (s *Site) talos(factory netip.AddrPort) string {
	if s.Talos == "" {
		return fmt.Sprintf("{factory: %q}", "http://"+factory.String())
	}

	return fmt.Sprintf("{factory: %q, version: %s}", "http://"+factory.String(), s.Talos)
}

func (s *Site) netboot() string {
	if !s.Serves {
		return "{interface: lo, mode: proxy}"
	}

	first, last := s.pool()

	return fmt.Sprintf("{interface: lo, mode: server, pool: %s-%s}", first, last)
}

// file names each node, as an operator has to.
func (s *Site) file(factory netip.AddrPort) string {
	var text strings.Builder

	fmt.Fprintf(&text, `apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata:
  name: %s
domain: %s.example.org
bundle: paas-full
talos: %s
network:
  nodeSubnet: %s/16
  vip: %s
  gateway: %s
  dnsServers: [%s]
  nodePodSubnet: 10.128.0.0/12
  loadBalancer: 10.77.1.0/24
netboot: %s
nodes:
`, s.Name, s.Name, s.talos(factory), s.at(0, 0), s.at(0, 10), s.Address(), s.Address(), s.netboot())

	for n := range s.Nodes {
		role, arch := "worker", ""
		if n < MinNodes {
			role = "controlplane"
		}

		if s.Arch != nil && s.Arch(n) != "" {
			arch = ", arch: " + s.Arch(n)
		}

		fmt.Fprintf(&text, "  - {name: %s, role: %s, mac: %q, address: %s, disk: {serial: DISK-%d}%s}\n",
			s.NodeName(n), role, s.MAC(n), s.at(byte(32+n/200), byte(1+n%200)), n, arch)
	}

	return text.String()
}
