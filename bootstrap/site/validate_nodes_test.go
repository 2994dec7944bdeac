// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// more returns text for further nodes, n of them, from cp2 or worker2 on.
func more(role string, n int) string {
	var text strings.Builder
	for i := 2; i < n+2; i++ {
		fmt.Fprintf(&text, "  - {name: %s%d, role: %s, mac: '52:54:00:77:00:%02x', address: 10.77.0.1%d, disk: {serial: D%d}}\n", role, i, role, i, i, i)
	}
	return text.String()
}

func TestNumberOfControlPlanes(t *testing.T) {
	for count, want := range map[int][]string{
		1: nil,
		2: {"12:1 nodes: 2 control planes, an even number"},
		3: nil,
		4: {"12:1 nodes: 4 control planes, an even number"},
		5: nil,
	} {
		require.Equal(t, want, problems(t, full+more(ControlPlane, count-1)), "%d control planes", count)
	}
	require.Empty(t, problems(t, full+more(Worker, 2)))
	checkRules(t, full, map[string]rule{
		"none":     {"role: controlplane", "role: worker", []string{"12:1 nodes: none of them is a control plane"}},
		"no role":  {"    role: controlplane\n", "", []string{"12:1 nodes: none of them is a control plane"}},
		"no nodes": {full[strings.Index(full, "nodes:"):], "nodes: []\n", []string{"12:1 nodes: missing: a full bundle needs machines"}},
	})
}

func TestNodeRules(t *testing.T) {
	checkRules(t, full, map[string]rule{
		"name":              {"name: cp1", "name: cp1.example.org", []string{`13:11 nodes[0].name: "cp1.example.org": not a DNS label (a-z, 0-9 and -, at most 63 characters)`}},
		"no name":           {"- name: cp1\n    role", "- role", []string{`13:5 nodes[0].name: missing`}},
		"role":              {"controlplane", "master", []string{`14:11 nodes[0].role: "master": not one of controlplane, worker`}},
		"no identity":       {"    mac: 52:54:00:77:00:01\n", "", []string{"13:5 nodes[0]: nothing tells this machine from others"}},
		"MAC of 8 bytes":    {"52:54:00:77:00:01", "52:54:00:77:00:01:00:01", []string{`15:10 nodes[0].mac: "52:54:00:77:00:01:00:01": not the hardware address of a machine`}},
		"multicast MAC":     {"52:54:00:77:00:01", "01:00:5e:00:00:01", []string{`15:10 nodes[0].mac: "01:00:5e:00:00:01": not the hardware address of a machine`}},
		"zero MAC":          {"52:54:00:77:00:01", "'00:00:00:00:00:00'", []string{`15:10 nodes[0].mac: "00:00:00:00:00:00": not the hardware address of a machine`}},
		"firmware's serial": {"mac: 52:54:00:77:00:01", "serial: To Be Filled By O.E.M.", []string{`15:13 nodes[0].serial: "To Be Filled By O.E.M.": not a serial number`}},
		"empty UUID":        {"mac: 52:54:00:77:00:01", "uuid: 00000000-0000-0000-0000-000000000000", []string{`15:11 nodes[0].uuid: "00000000-0000-0000-0000-000000000000": not the UUID of a machine`}},
		"UUID in braces":    {"mac: 52:54:00:77:00:01", "uuid: '{4c4c4544-0051-3010-8056-b9c04f4a3733}'", []string{`15:11 nodes[0].uuid: "{4c4c4544-0051-3010-8056-b9c04f4a3733}": not the UUID of a machine`}},
		"no address":        {"    address: 10.77.0.11\n", "", []string{"13:5 nodes[0].address: missing"}},
		"address outside":   {"10.77.0.11", "10.77.1.11", []string{`16:14 nodes[0].address: "10.77.1.11": outside network.nodeSubnet 10.77.0.0/24`}},
		"address of the network": {"10.77.0.11", "10.77.0.0", []string{
			`16:14 nodes[0].address: "10.77.0.0": the network or broadcast address of network.nodeSubnet 10.77.0.0/24`,
		}},
		"address is the VIP":  {"10.77.0.11", "10.77.0.10", []string{`16:14 nodes[0].address: "10.77.0.10": already used by network.vip`}},
		"no disk":             {"    disk: {serial: D1}\n", "", []string{"13:5 nodes[0].disk: nothing selects the disk to install on"}},
		"only wipe":           {"{serial: D1}", "{wipe: true}", []string{"17:5 nodes[0].disk: nothing selects the disk to install on"}},
		"disk model":          {"{serial: D1}", "{model: '[a'}", []string{`17:19 nodes[0].disk.model: "[a": not a pattern`}},
		"disk size":           {"{serial: D1}", "{size: large}", []string{`17:18 nodes[0].disk.size: "large": not a comparison of sizes`}},
		"disk operator":       {"{serial: D1}", "{size: '=< 1GB'}", []string{`17:18 nodes[0].disk.size: "=< 1GB": not a comparison of sizes`}},
		"disk transport":      {"{serial: D1}", "{transport: NVMe}", []string{`17:23 nodes[0].disk.transport: "NVMe": not a transport`}},
		"empty patch":         {"disk:", "patches: [{}]\n    disk:", []string{"17:15 nodes[0].patches[0]: an empty patch"}},
		"BMC address":         {"disk:", "bmc: {address: 10.0.0.1}\n    disk:", []string{`17:20 nodes[0].bmc.address: "10.0.0.1": not a URL that starts with redfish+https:// or redfish+http:// or ipmi://`}},
		"BMC by a name":       {"disk:", "bmc: {address: 'ipmi://cp1.example.org:623'}\n    disk:", []string{`17:20 nodes[0].bmc.address: "cp1.example.org": a name: pods of tenants are kept from addresses only, and could reach it`}},
		"BMC without a file":  {"disk:", "bmc: {address: ipmi://10.0.0.1, username: a}\n    disk:", []string{"17:5 nodes[0].bmc.passwordFile: missing"}},
		"BMC password in URL": {"disk:", "bmc: {address: 'ipmi://a:secret@10.0.0.1'}\n    disk:", []string{`17:20 nodes[0].bmc.address: "ipmi://...@10.0.0.1": a URL with credentials in it`}},
	})
}

func TestDiskSizes(t *testing.T) {
	for _, size := range []string{">= 100GB", "<1.5TB", "== 480 GB", "500GiB", "<= 2TiB", ">10GB"} {
		require.True(t, diskSize(size), size)
	}
	for _, size := range []string{"", ">=", "=100GB", "> 0GB", "100 potatoes", "100", "><1GB"} {
		require.False(t, diskSize(size), size)
	}
}

func TestWhatMachinesCannotShare(t *testing.T) {
	two := full + more(Worker, 1)
	checkRules(t, two, map[string]rule{
		"name":        {"worker2", "cp1", []string{`18:12 nodes[1].name: "cp1": already used by nodes[0].name`}},
		"MAC":         {"52:54:00:77:00:02", "52-54-00-77-00-01", []string{`18:40 nodes[1].mac: "52:54:00:77:00:01": already used by nodes[0].mac`}},
		"address":     {"10.77.0.12", "10.77.0.11", []string{`18:70 nodes[1].address: "10.77.0.11": already used by nodes[0].address`}},
		"disk serial": {"D2", "D1", []string{`18:97 nodes[1].disk.serial: "D1": already used by nodes[0].disk.serial`}},
	})
	require.Empty(t, problems(t, strings.NewReplacer("D1", "'D*'", "D2", "'D*'").Replace(two)), "globs may match a disk in each machine")
	for _, field := range []string{"serial: 7J4ZK53", "uuid: 4c4c4544-0051-3010-8056-b9c04f4a3733", "bmc: {address: ipmi://10.0.0.1}"} {
		text := strings.Replace(two, "    mac:", "    "+field+"\n    mac:", 1)
		text = strings.Replace(text, "role: worker", "role: worker, "+field, 1)
		got := problems(t, text)
		require.Len(t, got, 1, field)
		name, _, _ := strings.Cut(field, ":")
		require.Contains(t, got[0], "already used by nodes[0]."+name)
	}
}

func TestNodePodNetworkHasRoomForAllNodes(t *testing.T) {
	var text strings.Builder
	text.WriteString(strings.Replace(full, "10.77.0.0/24", "10.77.0.0/16", 1))
	for i := 1; i <= 250; i++ {
		fmt.Fprintf(&text, "  - {name: w%d, mac: '52:54:01:00:00:%02x', address: 10.77.9.%d, disk: {serial: W%d}}\n", i, i, i, i)
	}
	require.Empty(t, problems(t, text.String()))
	got := problems(t, strings.Replace(text.String(), "netboot:", "  nodePodSubnet: 100.65.0.0/17\nnetboot:", 1))
	require.Equal(t, []string{`10:18 network.nodePodSubnet: "100.65.0.0/17": room for 128 nodes, with a /24 each, and the site has 251`}, got)
}
