// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"fmt"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestGenerateRefusesInputNoNodeCanUse(t *testing.T) {
	secrets := testSecrets(t)

	for name, test := range map[string]struct {
		change func(*talos.Cluster, *talos.Node)
		want   string
	}{
		"Talos newer than the library": {
			func(c *talos.Cluster, _ *talos.Node) { c.TalosVersion = "v1.14.0" }, `"v1.14.0": configs are written for 1.11 to 1.13`,
		},
		"Talos too old":      {func(c *talos.Cluster, _ *talos.Node) { c.TalosVersion = "v1.10.0" }, `"v1.10.0": configs are written`},
		"Talos no version":   {func(c *talos.Cluster, _ *talos.Node) { c.TalosVersion = "latest" }, `"latest": not a version`},
		"Kubernetes too new": {func(c *talos.Cluster, _ *talos.Node) { c.KubernetesVersion = "v1.40.0" }, `"v1.40.0"`},
		"no cluster name":    {func(c *talos.Cluster, _ *talos.Node) { c.Name = "" }, "cluster name: must be set"},
		"endpoint without port": {
			func(c *talos.Cluster, _ *talos.Node) { c.Endpoint = &url.URL{Scheme: "https", Host: "10.77.0.10"} }, `endpoint "https://10.77.0.10"`,
		},
		"no endpoint":      {func(c *talos.Cluster, _ *talos.Node) { c.Endpoint = nil }, "endpoint"},
		"no image":         {func(c *talos.Cluster, _ *talos.Node) { c.InstallImage = "" }, "install image: must be set"},
		"VIP outside":      {func(c *talos.Cluster, _ *talos.Node) { c.VIP = netip.MustParseAddr("10.78.0.1") }, "VIP 10.78.0.1: is outside"},
		"VIP is the node":  {func(c *talos.Cluster, n *talos.Node) { c.VIP = n.Address.Addr() }, "address 10.77.0.11: is the VIP"},
		"no node name":     {func(_ *talos.Cluster, n *talos.Node) { n.Name = "" }, "node name: must be set"},
		"unknown role":     {func(_ *talos.Cluster, n *talos.Node) { n.Role = "master" }, `role "master"`},
		"no address":       {func(_ *talos.Cluster, n *talos.Node) { n.Address = netip.Prefix{} }, "address: must be set"},
		"address outside":  {func(_ *talos.Cluster, n *talos.Node) { n.Address = netip.MustParsePrefix("10.9.9.9/24") }, "address 10.9.9.9: is outside"},
		"half a MAC":       {func(_ *talos.Cluster, n *talos.Node) { n.MAC = n.MAC[:3] }, "MAC 52:54:00: must be six bytes"},
		"no MAC for 1.11":  {func(c *talos.Cluster, n *talos.Node) { c.TalosVersion, n.MAC = "v1.11.5", nil }, "MAC: must be set for Talos v1.11"},
		"no disk":          {func(_ *talos.Cluster, n *talos.Node) { n.Disk = talos.DiskSelector{} }, "never guessed"},
		"size not a size":  {func(_ *talos.Cluster, n *talos.Node) { n.Disk.Size = "big" }, `size "big"`},
		"virtio transport": {func(_ *talos.Cluster, n *talos.Node) { n.Disk.Transport = "virtio" }, "nvme only"},
		"file operation":   {func(c *talos.Cluster, _ *talos.Node) { c.Requirements.Files[0].Op = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, node := testCluster(), testNode(talos.ControlPlane)
			test.change(&cluster, &node)

			_, err := talos.Generate(cluster, secrets, node)
			if test.want == "" {
				require.NoError(t, err)

				return
			}

			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, "machine config of node")
		})
	}
}

func TestGenerateReportsAllProblemsAtOnce(t *testing.T) {
	_, err := talos.Generate(talos.Cluster{}, nil, talos.Node{})

	for _, want := range []string{"secrets", "cluster name", "endpoint", "install image", "node subnet", "node name", "role", "address", "disk selector"} {
		require.ErrorContains(t, err, want)
	}
}

func TestVersionErrorsSayWhatToDo(t *testing.T) {
	cluster := testCluster()
	cluster.TalosVersion = "v1.14.0"

	_, err := talos.Generate(cluster, testSecrets(t), testNode(talos.Worker))

	var version *talos.VersionError
	require.ErrorAs(t, err, &version)
	require.Equal(t, "Talos", version.Product)
	require.Contains(t, version.Hint(), "talos.version")
}

type tree = map[string]any

func patches(place string, bodies ...map[string]any) []talos.Patch {
	out := make([]talos.Patch, len(bodies))
	for i, body := range bodies {
		out[i] = talos.Patch{Place: fmt.Sprintf("%s.patches[%d]", place, i), Body: body}
	}

	return out
}

func TestBadPatchesNameNodeAndPatch(t *testing.T) {
	good := tree{"machine": tree{"sysctls": tree{"vm.nr_hugepages": "16"}}}

	for name, test := range map[string]struct {
		cluster, node []map[string]any
		place         string
		want          string
	}{
		"unknown key":           {cluster: []map[string]any{good, {"machine": tree{"sysctlz": tree{"a": "b"}}}}, place: "talos.patches[1]", want: "sysctlz"},
		"wrong type":            {node: []map[string]any{{"machine": tree{"sysctls": "all"}}}, place: "nodes[0].patches[0]", want: "map[string]string"},
		"unknown document":      {node: []map[string]any{good, {"apiVersion": "v1alpha1", "kind": "NoSuchConfig"}}, place: "nodes[0].patches[1]", want: "NoSuchConfig"},
		"conflict with network": {node: []map[string]any{{"machine": tree{"network": tree{"hostname": "other"}}}}, place: "nodes[0].patches[0]", want: "hostname"},
		"conflict with schematic": {
			cluster: []map[string]any{good, {"machine": tree{"install": tree{"extraKernelArgs": []any{"quiet"}}}}, good},
			place:   "talos.patches[1]", want: "grubUseUKICmdline",
		},
		"protected kubelet field": {
			cluster: []map[string]any{good}, node: []map[string]any{{"machine": tree{"kubelet": tree{"extraConfig": tree{"resolvConf": "/x"}}}}},
			place: "nodes[0].patches[0]", want: "resolvConf",
		},
		"a warning of Talos": {
			node:  []map[string]any{{"machine": tree{"install": tree{"extensions": []any{tree{"image": "ghcr.io/x/y"}}}}}},
			place: "nodes[0].patches[0]", want: "install.extensions is deprecated",
		},
		"empty":          {node: []map[string]any{{}}, place: "nodes[0].patches[0]", want: ""},
		"not JSON":       {node: []map[string]any{{"machine": func() {}}}, place: "nodes[0].patches[0]", want: "func"},
		"no disk at all": {node: []map[string]any{{"machine": tree{"install": tree{"$patch": "delete"}}}}, place: "nodes[0].patches[0]", want: "install"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, node := testCluster(), testNode(talos.ControlPlane)
			cluster.Patches, node.Patches = patches("talos", test.cluster...), patches("nodes[0]", test.node...)

			_, err := talos.Generate(cluster, testSecrets(t), node)

			var patch *talos.PatchError
			require.ErrorAs(t, err, &patch)
			require.Equal(t, "node1", patch.Node)
			require.Equal(t, test.place, patch.Place)
			require.ErrorContains(t, err, test.want)
			require.NotEmpty(t, patch.Hint())
		})
	}
}

func TestPatchesOfTheNodeWin(t *testing.T) {
	cluster, node := testCluster(), testNode(talos.Worker)
	hugepages := func(count string) tree { return tree{"machine": tree{"sysctls": tree{"vm.nr_hugepages": count}}} }
	cluster.Patches = patches("talos", hugepages("16"))
	cluster.RolePatches = map[talos.Role][]talos.Patch{
		talos.Worker:       patches("talos.rolePatches.worker", hugepages("24"), tree{"machine": tree{"sysctls": tree{"vm.swappiness": "1"}}}),
		talos.ControlPlane: patches("talos.rolePatches.controlplane", tree{"machine": tree{"sysctls": tree{"vm.dirty_ratio": "1"}}}),
	}
	node.Patches = patches("nodes[0]",
		hugepages("32"),
		tree{"apiVersion": "v1alpha1", "kind": "HostnameConfig", "hostname": "renamed"},
		tree{"apiVersion": "v1alpha1", "kind": "LinkConfig", "name": "net0", "mtu": 9000},
	)

	provider := generated(t, cluster, node)
	require.Equal(t, "32", provider.Machine().Sysctls()["vm.nr_hugepages"])
	require.Equal(t, "1", provider.Machine().Sysctls()["vm.swappiness"])
	require.NotContains(t, provider.Machine().Sysctls(), "vm.dirty_ratio", "it is for the other role")
	require.Equal(t, "renamed", provider.NetworkHostnameConfig().Hostname())

	data, err := provider.Bytes()
	require.NoError(t, err)
	require.Contains(t, string(data), "mtu: 9000")
}

func TestUnsupportedKubernetesIsFoundByType(t *testing.T) {
	cluster := testCluster()
	cluster.KubernetesVersion = "v1.20.0"

	_, err := talos.Generate(cluster, testSecrets(t), testNode(talos.Worker))

	var version *talos.VersionError
	require.ErrorAs(t, err, &version)
	require.Equal(t, "Kubernetes", version.Product)
}
