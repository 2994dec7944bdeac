// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
)

var update = flag.Bool("update", false, "write the golden files anew")

// rendering is one way to render a chart; each has a golden file.
type rendering struct {
	name      string // of the golden file
	chart     string
	namespace string
	values    map[string]any
}

func renderings() []rendering {
	return append(platformRenderings(), applicationRenderings()...)
}

func platformRenderings() []rendering {
	return []rendering{
		{"cozy-controller-talos", "cozy-controller", "cozy-system", nil},
		{"cozy-controller-generic", "cozy-controller", "cozy-system", map[string]any{
			"hostNetwork": false, "replicas": 2, "apiServer": map[string]any{"host": ""},
		}},
		{"cozy-controller-site", "cozy-controller", "cozy-system", map[string]any{"issuer": "custom-ca", "site": map[string]any{
			"enforces": "cilium", "nodes": []any{"192.0.2.0/24"}, "pods": []any{"10.244.0.0/16"}, "services": []any{"10.96.0.0/16"},
			"apiPort": 6443, "clusterDomain": "cozy.local",
		}}},
		{"priority-classes", "priority-classes", "cozy-system", nil},
		{"tenant-api", "tenant-api", "cozy-system", nil},
		{"tenant-roles", "tenant-roles", "cozy-system", nil},
		{"tenant-admission", "tenant-admission", "cozy-system", nil},
		{"cilium-chaining", "cilium-chaining", "cozy-cilium", nil},
		{"cilium-networkpolicy", "cilium-networkpolicy", "cozy-cilium", nil},
		{"cilium-pools", "cilium-pools", "cozy-cilium", pools()},
		{"cilium-pools-none", "cilium-pools", "cozy-cilium", nil},
		{"metallb-pools", "metallb-pools", "cozy-metallb", pools()},
		{"metallb-pools-none", "metallb-pools", "cozy-metallb", nil},
		{"cert-manager-issuers", "cert-manager-issuers", "cozy-cert-manager", map[string]any{
			"letsencrypt": map[string]any{"email": "me@example.org", "ingressClass": "tenant-root"},
		}},
		{"cert-manager-issuers-own", "cert-manager-issuers", "cozy-cert-manager", map[string]any{
			"letsencrypt":          map[string]any{"enabled": false},
			"acme":                 map[string]any{"server": "https://acme.example.org/directory"},
			"certificateAuthority": map[string]any{"secretName": "site-ca"},
		}},
		{"linstor-talos", "linstor", "cozy-linstor", linstorOnTalos()},
		{"linstor-generic", "linstor", "cozy-linstor", map[string]any{
			"autoDiskfulMinutes": 0, "pool": map[string]any{"type": "lvm-thin"}, "storagePools": []any{disk("node1", "/dev/sdb")},
		}},
		{"storage-classes", "storage-classes", "cozy-linstor", map[string]any{"replicated": map[string]any{"copies": 2}}},
		{"objectstorage-controller", "objectstorage-controller", "cozy-objectstorage-controller", nil},
		{"kubevirt", "kubevirt", "kubevirt", nil},
		{"kubevirt-devices", "kubevirt", "kubevirt", map[string]any{
			"hostDevices": true, "permittedHostDevices": map[string]any{"pciHostDevices": []any{map[string]any{
				"pciVendorSelector": "10DE:1EB8", "resourceName": "nvidia.com/TU104GL_Tesla_T4", "externalResourceProvider": true,
			}}},
		}},
		{"kubevirt-cdi", "kubevirt-cdi", "cdi", map[string]any{"uploadProxyURL": "https://cdi-uploadproxy.example.org"}},
		{"kubevirt-instancetypes", "kubevirt-instancetypes", "kubevirt", nil},
		{"capi-providers", "capi-providers", "cozy-cluster-api", map[string]any{
			"controlPlane": map[string]any{"kamaji": map[string]any{"enabled": true}},
			"infrastructure": map[string]any{"kubevirt": map[string]any{
				"enabled": true, "version": "v0.1.11", "fetchURL": "https://github.com/example/capk/releases/v0.1.11/infrastructure-components.yaml",
			}},
		}},
		{"monitoring-agents", "monitoring-agents", "cozy-monitoring", map[string]any{
			"remoteWrite": []any{"http://vminsert.example.org/api/v1/write"},
		}},
		{"monitoring-agents-storage", "monitoring-agents", "cozy-monitoring", map[string]any{
			"storage": map[string]any{"enabled": true, "storageClass": "replicated"},
		}},
	}
}

func pools() map[string]any {
	return map[string]any{
		"pools": []any{"192.168.1.200-192.168.1.250", "192.168.2.0/26"}, "layer2": map[string]any{"interfaces": []any{"bond0.10"}},
	}
}

func linstorOnTalos() map[string]any {
	on := map[string]any{"enabled": true}
	return map[string]any{
		"talos": true, "reload": true, "snapshotClass": on, "monitoring": on, "hostFirewall": on,
		"storagePools": []any{disk("node1", "/dev/disk/by-id/a", "/dev/disk/by-id/b"), disk("node2", "/dev/sdb")},
	}
}

func disk(node string, devices ...any) map[string]any {
	return map[string]any{"node": node, "devices": devices}
}

func TestEveryChartIsRendered(t *testing.T) {
	repository, err := NewRepository(Charts())
	require.NoError(t, err)
	for _, name := range repository.Names() {
		require.True(t, slices.ContainsFunc(renderings(), func(r rendering) bool { return r.chart == name }), name)
	}
}

func TestChartsRenderAsRecorded(t *testing.T) {
	for _, r := range renderings() {
		got := withoutGenerated(withoutRandom(t, render(t, r), render(t, r)))
		golden := filepath.Join("testdata", r.name+".yaml")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), got, r.name)
	}
}

func TestChartsPassTheLinter(t *testing.T) {
	for _, r := range renderings() {
		linted := lint.All(filepath.Join("charts", r.chart), r.values, r.namespace, true)
		for _, message := range linted.Messages {
			// An icon is for chart galleries.
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %s", r.name, message)
			}
		}
	}
}

func TestRenderedObjectsKeepHouseRules(t *testing.T) {
	for _, r := range renderings() {
		seen := map[string]bool{}
		for _, object := range objects(t, render(t, r)) {
			kind, meta := object["kind"].(string), object["metadata"].(map[string]any)
			name, _ := meta["name"].(string)
			require.NotEmpty(t, name, "%s: %s", r.name, kind)
			require.NotEqual(t, "Namespace", kind, "%s: the installer makes namespaces, with their labels", r.name)
			require.False(t, kind == "Secret" && !makesSecrets(r.chart), "%s: no chart of the platform carries a secret", r.name)
			id := kind + "/" + name
			require.False(t, seen[id], "%s: %s stands twice", r.name, id)
			seen[id] = true
			if namespace, ok := meta["namespace"]; ok {
				require.Equal(t, r.namespace, namespace, "%s: %s", r.name, id)
			}
			labels, _ := meta["labels"].(map[string]any)
			if kind != "CustomResourceDefinition" {
				require.Equal(t, "Helm", labels["app.kubernetes.io/managed-by"], "%s: %s", r.name, id)
			}
		}
	}
}

func TestSchemasKnowEveryDefaultAndNothingElse(t *testing.T) {
	for _, r := range renderings() {
		loaded, err := loader.LoadDir(filepath.Join("charts", r.chart))
		require.NoError(t, err)
		var schema map[string]any
		require.NoError(t, json.Unmarshal(loaded.Schema, &schema))
		require.Equal(t, false, schema["additionalProperties"], r.chart)
		checkStrict(t, r.chart, schema)

		values, err := chartutil.CoalesceValues(loaded, map[string]any{"surprise": true})
		require.NoError(t, err)
		require.ErrorContains(t, chartutil.ValidateAgainstSchema(loaded, values), "surprise", r.chart)
	}
}

// checkStrict demands a description for each property and each element of a list or a map, and a closed list of properties where
// there is one. The root is described by the chart itself.
func checkStrict(t *testing.T, path string, schema map[string]any) {
	t.Helper()
	if _, ok := schema["properties"]; ok {
		require.Equal(t, false, schema["additionalProperties"], path)
	}
	for at, inner := range within(path, schema) {
		require.NotEmpty(t, inner["description"], at)
		checkStrict(t, at, inner)
	}
}

// within are the schemas that stand directly in one, by their paths.
func within(path string, schema map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, keyword := range []string{"properties", "patternProperties", "definitions"} {
		inner, _ := schema[keyword].(map[string]any)
		for name := range inner {
			out[path+"."+name], _ = inner[name].(map[string]any)
		}
	}
	for _, keyword := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[keyword].(map[string]any); ok {
			out[path+"[]"] = inner
		}
	}
	return out
}
