// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// ciliumFile is what Cluster API puts into tenants' clusters as their network.
const ciliumFile = "charts/kubernetes/files/cilium.yaml"

// ciliumValues are for virtual machines without hardware of their own: a tunnel between nodes, the addresses that Kubernetes
// gives, and nothing that has to be made anew.
func ciliumValues() map[string]any {
	off := map[string]any{"enabled": false}
	image := map[string]any{"useDigest": false}
	return map[string]any{
		"image": image, "ipam": map[string]any{"mode": "kubernetes"}, "kubeProxyReplacement": false,
		"hubble": off, "envoy": off, "l7Proxy": false,
		"operator": map[string]any{"replicas": 1, "image": image, "resources": resources("10m", "64Mi", "256Mi")},
		// The API's certificate has the names of its own cluster too, so pods need nothing else.
		"resources": resources("50m", "128Mi", "1Gi"),
	}
}

func resources(cpu, memory, limit string) map[string]any {
	return map[string]any{"requests": map[string]any{"cpu": cpu, "memory": memory}, "limits": map[string]any{"memory": limit}}
}

// TestNetworkOfClustersIsWhatCiliumsChartRenders: the chart comes with the module that lab/tools/policy builds its engine of,
// which is of the version that the bundles install. With -update the file is made again.
func TestNetworkOfClustersIsWhatCiliumsChartRenders(t *testing.T) {
	find := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/cilium")
	find.Dir = "../lab/tools/policy"
	found, err := find.Output()
	require.NoError(t, err)
	directory := strings.TrimSpace(string(found))
	if directory == "" {
		t.Skip("Cilium's module is not there: cd lab/tools/policy && go mod download github.com/cilium/cilium")
	}
	loaded, err := loader.LoadDir(filepath.Join(directory, "install", "kubernetes", "cilium"))
	require.NoError(t, err)

	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun = true, true
	install.ReleaseName, install.Namespace = "cilium", "kube-system"
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.34.1", Major: "1", Minor: "34"}
	release, err := install.Run(loaded, ciliumValues())
	require.NoError(t, err)
	got := "# Made by go test -run NetworkOfClusters -update, of Cilium's own chart, which is under the Apache License 2.0.\n" +
		strings.TrimSpace(release.Manifest) + "\n"
	if *update {
		require.NoError(t, os.WriteFile(ciliumFile, []byte(got), 0o644))
	}
	want, err := os.ReadFile(ciliumFile)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
