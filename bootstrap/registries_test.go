// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

func TestNodesAskTheBastionForEveryRegistryOfTheBundle(t *testing.T) {
	plan := &bundles.Plan{Packages: []bundles.Package{
		{Images: []string{"quay.io/cilium/cilium:v1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "nginx"}},
		{Images: []string{"registry.example.org:5000/team/tool:v1", "192.168.1.10:5000/cozy-controller:v1"}},
	}}
	s := &site.Site{Talos: &site.Talos{Version: "v1.13.9", Factory: "https://factory.talos.dev"}}
	s.Registries.Mirrors = map[string][]string{"docker.io": {"https://mirror.example.org"}}
	got, err := registries(s, plan, "factory.talos.dev/metal-installer/abc:v1.13.9")
	require.NoError(t, err)
	require.Nil(t, got.Places, "without a registry of the bastion")

	s.Registries.Bastion = &site.BastionRegistry{Address: "192.168.1.10:5000", Only: true}
	got, err = registries(s, plan, "factory.talos.dev/metal-installer/abc:v1.13.9")
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"192.168.1.10:5000":         "http://192.168.1.10:5000/v2",
		"docker.io":                 "http://192.168.1.10:5000/v2/docker.io",
		"factory.talos.dev":         "http://192.168.1.10:5000/v2/factory.talos.dev",
		"ghcr.io":                   "http://192.168.1.10:5000/v2/ghcr.io",
		"quay.io":                   "http://192.168.1.10:5000/v2/quay.io",
		"registry.example.org:5000": "http://192.168.1.10:5000/v2/registry.example.org_5000",
		"registry.k8s.io":           "http://192.168.1.10:5000/v2/registry.k8s.io",
	}, got.Places)
	require.True(t, got.OnlyPlaces)
	require.Equal(t, s.Registries.Mirrors, got.Mirrors)

	plan.Packages[0].Images = []string{"not an image", "nor/THIS"}
	_, err = registries(s, plan, "")
	require.ErrorContains(t, err, `"not an image"`)
	require.ErrorContains(t, err, `"nor/THIS"`)
}

// What the packages name are images, as nodes read them.
func TestEveryImageOfTheBundlesHasARegistry(t *testing.T) {
	for _, bundle := range []string{site.PaaSFull, site.DistroFull} {
		s := parseSite(t, "bundle: paas-full", "bundle: "+bundle)
		plan, err := ResolveBundle(s, "")
		require.NoError(t, err)
		hosts, err := imageHosts(plan, "", nil)
		require.NoError(t, err)
		require.Contains(t, hosts, "quay.io", bundle)
	}
}

// Charts have no rule for how their values name an image.
func TestNodesAskTheBastionForImagesThatOnlyValuesName(t *testing.T) {
	plan := &bundles.Plan{Packages: []bundles.Package{{Name: "a"}}}
	s := &site.Site{Talos: &site.Talos{Version: "v1.11.2", Factory: "https://factory.talos.dev"}}
	s.Registries.Bastion = &site.BastionRegistry{Address: "192.168.1.10:5000"}
	s.Packages.Values = map[string]map[string]any{
		"a": {
			"image":   "one.example.org/a/b:v1",
			"sidecar": map[string]any{"proxyImage": map[string]any{"repository": "two.example.org/c"}},
			"operator": map[string]any{
				"image":            map[string]any{"registry": "three.example.org", "repository": "d/e", "tag": "v1"},
				"imagePullPolicy":  "IfNotPresent",
				"imagePullSecrets": []any{"login"},
			},
			"global": map[string]any{"imageRegistry": "four.example.org:5000/mirror"},
			"env":    []any{map[string]any{"name": "RELATED", "value": "five.example.org/f@sha256:" + strings.Repeat("0", 64)}},
			"url":    "https://no.example.org/x:1", "path": "usr/bin:x", "count": 3,
		},
		"absent": {"image": "six.example.org/a:v1"},
	}
	got, err := registries(s, plan, "", "seven.example.org/a:v1")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"192.168.1.10:5000", "one.example.org", "two.example.org", "three.example.org", "four.example.org:5000", "five.example.org",
		"seven.example.org", "ghcr.io", "registry.k8s.io", "gcr.io",
	}, slices.Collect(maps.Keys(got.Places)))
	upstreams, _, err := upstreamsOf(s, plan)
	require.NoError(t, err)
	require.Contains(t, upstreams, "one.example.org", "and so does the bastion")
}
