// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/manifests"
)

// pkg is one package file for tests: everything needed, and then more lines.
func pkg(name string, more ...string) string {
	return strings.Join(append([]string{
		"name: " + name, "title: T", "namespace: cozy-" + name, "chart: {embedded: " + name + "}",
	}, more...), "\n") + "\n"
}

// set is a bundle file "b" for tests, with core as its core; a name that ends with "?" is optional.
func set(core string, members ...string) string {
	out := "name: b\ntitle: B\nplatform: talos\ncore: [" + core + "]\nlayers:\n- name: all\n  packages:\n"
	for _, member := range members {
		name, optional := strings.CutSuffix(member, "?")
		out += "  - {name: " + name
		if optional {
			out += ", optional: true"
		}
		out += "}\n"
	}
	return out
}

// tree is a file system of package files and the bundle b.
func tree(bundle string, packages ...string) fstest.MapFS {
	out := fstest.MapFS{"sets/b.yaml": {Data: []byte(bundle)}}
	for _, text := range packages {
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "name: "), "\n")
		out["packages/"+name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func load(t *testing.T, files fs.FS) *Catalog {
	t.Helper()
	catalog, err := Load(files)
	require.NoError(t, err)
	return catalog
}

// charts are our own, as the program hands them in.
func charts(t *testing.T) *manifests.Repository {
	t.Helper()
	repository, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	return repository
}

// facts are those of some site.
func facts() Facts {
	return Facts{
		FactDomain: "example.org", FactClusterDomain: "cozy.local", FactPodSubnet: "10.244.0.0/16",
		FactNodePodSubnet: "10.200.0.0/16", FactServiceSubnet: "10.96.0.0/16", FactJoinSubnet: "100.64.0.0/16",
		FactControlPlaneAddresses: "192.168.1.11,192.168.1.12,192.168.1.13", FactNodeSubnet: "192.168.1.0/24",
		FactPodGateway: "10.244.0.1", FactAPIServerEndpoint: "https://192.168.1.10:6443",
		FactLoadBalancerPools: []any{"192.168.2.0/24"}, FactReplicas: 3, FactStorageClass: "", FactKubernetesVersion: "v1.34.4",
		FactStoragePools: []any{map[string]any{"node": "node1", "devices": []any{"/dev/disk/by-id/disk1"}}},
	}
}

// problems are the lines of a *Problems error.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var all *Problems
	require.ErrorAs(t, err, &all)
	return strings.Split(all.Error(), "\n")
}

func names(packages []Package) []string {
	out := make([]string, len(packages))
	for i, p := range packages {
		out[i] = p.Name
	}
	return out
}

// verified is what Verify finds of a plan for the version of Kubernetes that sites have by default.
func verified(t *testing.T, shelf *Shelf, plan *Plan) []Verdict {
	t.Helper()
	out, err := Verify(t.Context(), shelf, plan, "v1.34.4")
	require.NoError(t, err)
	return out
}
