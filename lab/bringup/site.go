// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/cozystack/cozy-install/lab/fleet"
)

// maxNodes is what the address plan has room for.
const maxNodes = 2000

// The addresses, all on loopback: the site's own servers at .0.1, its pool from .16.1 on, the nodes' own from .32.1 on,
// their relays' from .64.1 on. The program under test takes the first address of the interface lo.
func siteAddress() netip.Addr   { return netip.AddrFrom4([4]byte{127, 91, 0, 1}) }
func serverAddress() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }
func agents() netip.Prefix      { return netip.MustParsePrefix("127.91.64.0/18") }

func pool() (first, last netip.Addr) {
	return netip.AddrFrom4([4]byte{127, 91, 16, 1}), netip.AddrFrom4([4]byte{127, 91, 31, 254})
}

func nodeAddress(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 91, byte(32 + n/200), byte(1 + n%200)})
}

func mac(n int) net.HardwareAddr { return net.HardwareAddr{0x52, 0x54, 0, 0x91, byte(n >> 8), byte(n)} }

func name(n int) string { return fmt.Sprintf("node%d", n) }

// controlPlanes is how many of the nodes are control planes.
const controlPlanes = 3

// siteFile names each node, as an operator has to.
func siteFile(nodes int, factory netip.AddrPort) string {
	var text strings.Builder

	fmt.Fprintf(&text, `apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata:
  name: bringup
domain: bringup.example.org
bundle: paas-full
talos:
  factory: http://%s
network:
  nodeSubnet: 127.91.0.0/16
  vip: 127.91.0.10
  gateway: %s
  dnsServers: [%s]
  nodePodSubnet: 10.128.0.0/12
  loadBalancer: 10.77.1.0/24
netboot: {interface: lo, mode: proxy}
nodes:
`, factory, siteAddress(), siteAddress())

	for n := range nodes {
		role := "worker"
		if n < controlPlanes {
			role = "controlplane"
		}

		fmt.Fprintf(&text, "  - {name: %s, role: %s, mac: %q, address: %s, disk: {serial: DISK-%d}}\n", name(n), role, mac(n), nodeAddress(n), n)
	}

	return text.String()
}

// machines are the site's, by turns with each common kind of firmware.
func machines(nodes int) []fleet.MachineSpec {
	kinds := []fleet.Firmware{fleet.BIOS, fleet.UEFI, fleet.UEFIHTTP}
	out := make([]fleet.MachineSpec, nodes)

	for n := range nodes {
		out[n] = fleet.MachineSpec{
			Name: name(n), MAC: mac(n), Serial: fmt.Sprint(n), Firmware: kinds[n%len(kinds)],
			UUID: fmt.Sprintf("11111111-2222-3333-4444-%012d", n),
		}
	}

	return out
}
