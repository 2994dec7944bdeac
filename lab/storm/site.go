// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// maxMachines is what the address plan has room for.
const maxMachines = 2000

// The addresses, all on loopback: the site's own servers at .0.1, its pool from .16.1 on, the nodes' own from .32.1 on,
// their relays' from .64.1 on.
// The server under test takes the first address of the interface lo.
func siteAddress() netip.Addr   { return netip.AddrFrom4([4]byte{127, 90, 0, 1}) }
func serverAddress() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }
func agents() netip.Prefix      { return netip.MustParsePrefix("127.90.64.0/18") }

func pool() (first, last netip.Addr) {
	return netip.AddrFrom4([4]byte{127, 90, 16, 1}), netip.AddrFrom4([4]byte{127, 90, 31, 254})
}

func nodeAddress(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 90, byte(32 + n/200), byte(1 + n%200)})
}

func mac(n int) net.HardwareAddr { return net.HardwareAddr{0x52, 0x54, 0, 0x90, byte(n >> 8), byte(n)} }

// netboot is the site file's section on it.
func netboot(cfg config) string {
	if !cfg.serves {
		return "{interface: lo, mode: proxy}"
	}

	first, last := pool()

	return fmt.Sprintf("{interface: lo, mode: server, pool: %s-%s}", first, last)
}

// siteFile names each machine, as an operator has to.
func siteFile(cfg config, factory netip.AddrPort) string {
	var text strings.Builder

	fmt.Fprintf(&text, `apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata:
  name: storm
domain: storm.example.org
bundle: paas-full
talos:
  factory: http://%s
network:
  nodeSubnet: 127.90.0.0/16
  vip: 127.90.0.10
  gateway: %s
  dnsServers: [%s]
  nodePodSubnet: 10.128.0.0/12
  loadBalancer: 10.77.1.0/24
netboot: %s
nodes:
`, factory, siteAddress(), siteAddress(), netboot(cfg))

	for n := range cfg.machines {
		role := "worker"
		if n < 3 {
			role = "controlplane"
		}

		fmt.Fprintf(&text, "  - {name: node%d, role: %s, mac: %q, address: %s, disk: {serial: DISK-%d}%s}\n",
			n, role, mac(n), nodeAddress(n), n, cfg.kind(n).arch())
	}

	return text.String()
}
