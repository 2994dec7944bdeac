// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

// airGap lets one registry have the images of others, one of which has a mirror too.
func airGap(c *talos.Cluster) {
	c.Registries.Places = map[string]string{
		"docker.io":       "http://10.77.0.2:5000/v2/docker.io",
		"registry.k8s.io": "http://10.77.0.2:5000/v2/registry.k8s.io",
	}
	c.Registries.OnlyPlaces = true
}

func TestAPlaceIsAskedBeforeMirrorsAndTheRegistryItself(t *testing.T) {
	for version, want := range map[string]string{
		"v1.11.6": `
            docker.io:
                endpoints:
                    - http://10.77.0.2:5000/v2/docker.io
                    - https://mirror.example.org/v2
                overridePath: true
`,
		"v1.12.6": `
kind: RegistryMirrorConfig
name: docker.io
endpoints:
    - url: http://10.77.0.2:5000/v2/docker.io
      overridePath: true
    - url: https://mirror.example.org
---
`,
	} {
		cluster := testCluster()
		cluster.TalosVersion = version
		airGap(&cluster)
		cluster.Registries.OnlyPlaces = false
		config, err := talos.Generate(cluster, testSecrets(t), testNode(talos.Worker))
		require.NoError(t, err)
		require.Contains(t, string(config), want, version)
		require.NotContains(t, string(config), "skipFallback", version)
	}
}

func TestWhatTalosRunsByItselfComesFromFewRegistries(t *testing.T) {
	for version, want := range map[string][]string{
		"v1.13.9": {"ghcr.io", "registry.k8s.io"}, "v1.11.0": {"gcr.io", "ghcr.io", "registry.k8s.io"}, "": {"gcr.io", "ghcr.io", "registry.k8s.io"},
	} {
		hosts := map[string]bool{}
		for _, repository := range talos.ImageRepositories(version) {
			host, _, _ := strings.Cut(repository, "/")
			hosts[host] = true
		}

		require.Equal(t, want, slices.Sorted(maps.Keys(hosts)), version)
	}
}
