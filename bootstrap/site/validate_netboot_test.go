// SPDX-License-Identifier: Apache-2.0

package site

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInterfacePoolAndSumRules(t *testing.T) {
	const at = "interface: eth0"
	checkRules(t, full, map[string]rule{
		"one interface and several": {at, at + "\n  interfaces: [eth1]", []string{"12:3 netboot.interfaces: netboot.interface is given as well"}},
		"an interface twice":        {at, "interfaces: [eth1, eth1]", []string{`11:22 netboot.interfaces[1]: "eth1": listed twice`}},
		"no interface's name":       {at, "interfaces: [eth/1]", []string{`11:16 netboot.interfaces[0]: "eth/1": not the name of a network interface`}},
		"a pool beside DHCP":        {at, at + "\n  pool: 10.77.0.100-10.77.0.199", []string{`12:9 netboot.pool: "10.77.0.100-10.77.0.199": addresses are given with mode server only`}},
		"a lease beside DHCP":       {at, at + "\n  leaseTime: 1h", []string{`12:14 netboot.leaseTime: "1h": addresses are given with mode server only`}},
		"a server without a pool":   {at, at + "\n  mode: server", []string{"10:1 netboot.pool: missing: machines need an address before they have their own"}},
		"a lease without a unit":    {at, at + "\n  mode: server\n  pool: 10.77.0.128/26\n  leaseTime: '60'", []string{`14:14 netboot.leaseTime: "60": not a time from 2m to 168h`}},
		"a pool elsewhere":          {at, at + "\n  mode: server\n  pool: 10.78.0.128/26", []string{`13:9 netboot.pool: "10.78.0.128/26": outside network.nodeSubnet 10.77.0.0/24`}},
		"a pool of one word":        {at, at + "\n  mode: server\n  pool: big", []string{`13:9 netboot.pool: "big": neither "first-last" nor a network`}},
		"a pool with a node in it": {at, at + "\n  mode: server\n  pool: 10.77.0.10-10.77.0.99", []string{
			`13:9 netboot.pool: "10.77.0.10-10.77.0.99": holds network.vip 10.77.0.10`,
			`13:9 netboot.pool: "10.77.0.10-10.77.0.99": holds nodes[0].address 10.77.0.11`,
		}},
		"a pool to the end": {at, at + "\n  mode: server\n  pool: 10.77.0.128/25", []string{
			`13:9 netboot.pool: "10.77.0.128/25": holds the network or broadcast address of network.nodeSubnet 10.77.0.0/24`,
		}},
		"a sum that is too short": {"netboot:", "assets: {sha256: {kernel-amd64: abc}}\nnetboot:", []string{
			`10:33 assets.sha256.kernel-amd64: "abc": not a SHA-256 sum: 64 hex digits in lower case`,
		}},
		"a sum of a path": {"netboot:", "assets: {sha256: {../kernel: " + strings.Repeat("0a", 32) + "}}\nnetboot:", []string{
			`10:30 assets.sha256["../kernel"]: "../kernel": not the name of a file`,
		}},
	})
	for _, good := range []string{
		"interfaces: [eth1, eth1.100]", "interface: eth0\n  mode: server\n  pool: 10.77.0.100-10.77.0.199\n  leaseTime: 30m",
	} {
		require.Empty(t, problems(t, strings.Replace(full, at, good, 1)), good)
	}
}

func TestRulesOfOneMachinesNetboot(t *testing.T) {
	const at = "address: 10.77.0.11"
	checkRules(t, full, map[string]rule{
		"an unknown architecture": {at, at + "\n    arch: riscv64", []string{`17:11 nodes[0].arch: "riscv64": not one of amd64, arm64`}},
		"a loader's path":         {at, at + "\n    netboot: {loader: /boot/ipxe.efi}", []string{`17:23 nodes[0].netboot.loader: "/boot/ipxe.efi": not the name of a file in --ipxe-dir`}},
		"an unknown way to disk":  {at, at + "\n    netboot: {diskBoot: halt}", []string{`17:25 nodes[0].netboot.diskBoot: "halt": not one of exit, sanboot, notFound`}},
		"sanboot without a BIOS":  {at, at + "\n    arch: arm64\n    netboot: {diskBoot: sanboot}", []string{`18:25 nodes[0].netboot.diskBoot: "sanboot": not possible with arch arm64: iPXE boots disks itself under BIOS only`}},
		"the same card twice":     {at, at + "\n    macs: ['52:54:00:77:00:01']", []string{`17:12 nodes[0].macs[0]: "52:54:00:77:00:01": already used by nodes[0].mac`}},
		"further cards alone":     {"mac: 52:54:00:77:00:01", "macs: ['52:54:00:77:00:01']", []string{"13:5 nodes[0].mac: missing: it comes before macs"}},
		"a further card's typo":   {at, at + "\n    macs: [52-54]", []string{`17:12 nodes[0].macs[0]: "52-54": not the hardware address of a machine`}},
	})
}
