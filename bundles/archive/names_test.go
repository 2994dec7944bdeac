// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestImagesHaveOnePlaceInTheBastionsRegistry(t *testing.T) {
	for _, tc := range []struct{ name, complete, repository, reference string }{
		{"nginx", "docker.io/library/nginx:latest", "docker.io/library/nginx", "latest"},
		{"nginx:1.29", "docker.io/library/nginx:1.29", "docker.io/library/nginx", "1.29"},
		{"grafana/grafana:12", "docker.io/grafana/grafana:12", "docker.io/grafana/grafana", "12"},
		{"docker.io/nginx", "docker.io/library/nginx:latest", "docker.io/library/nginx", "latest"},
		{"index.docker.io/library/nginx", "docker.io/library/nginx:latest", "docker.io/library/nginx", "latest"},
		{"quay.io/cilium/cilium:v1.18.1", "quay.io/cilium/cilium:v1.18.1", "quay.io/cilium/cilium", "v1.18.1"},
		{"registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10", "registry.k8s.io/pause", "3.10"},
		{"ghcr.io/a/b/c/d__e.f-g", "ghcr.io/a/b/c/d__e.f-g:latest", "ghcr.io/a/b/c/d__e.f-g", "latest"},
		{"quay.io/a/b@" + someDigest, "quay.io/a/b@" + someDigest, "quay.io/a/b", someDigest},
		{"quay.io/a/b:v1@" + someDigest, "quay.io/a/b:v1@" + someDigest, "quay.io/a/b", someDigest},
		{"localhost/tool", "localhost/tool:latest", "localhost/tool", "latest"},
		{"localhost:5000/tool", "localhost:5000/tool:latest", "localhost_5000/tool", "latest"},
		{"Registry.Example.ORG:5000/team/tool:v1", "registry.example.org:5000/team/tool:v1", "registry.example.org_5000/team/tool", "v1"},
		{"192.168.1.10:5000/tool", "192.168.1.10:5000/tool:latest", "192.168.1.10_5000/tool", "latest"},
		{"charts:5000/tool", "charts:5000/tool:latest", "charts_5000/tool", "latest"},
		{"charts/tool", "docker.io/charts/tool:latest", "docker.io/charts/tool", "latest"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			image, err := ParseImage(tc.name)
			require.NoError(t, err)
			require.Equal(t, tc.complete, image.String())
			require.Equal(t, tc.repository, image.Repository())
			require.Equal(t, tc.reference, image.Reference())

			host, path, ok := SplitRepository(image.Repository())
			require.True(t, ok)
			require.Equal(t, []string{image.Host, image.Path}, []string{host, path}, "the way back")

			again, err := ParseImage(image.String())
			require.NoError(t, err)
			require.Equal(t, image, again)
		})
	}
}

func TestNamesThatAreNoImagesAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"":                                     "invalid reference format",
		"https://quay.io/a/b":                  "invalid reference format",
		"quay.io/A/b":                          "must be lowercase",
		"quay.io/a:b:c":                        "invalid reference format",
		"quay.io/../../etc/passwd":             "invalid reference format",
		"[fd00::1]:5000/a/b":                   "IPv6",
		"quay.io/a@sha256:1234":                "invalid",
		"a@sha512:" + strings.Repeat("ab", 64): "must be sha256",
		"quay.io/" + strings.Repeat("a", 300):  "repository name must not be more than 255 characters",
		someDigest[len("sha256:"):]:            "hex",
	} {
		_, err := ParseImage(name)
		require.ErrorContains(t, err, want, "%q", name)
	}
}

func TestRepositoriesOfNoOtherRegistry(t *testing.T) {
	for _, repository := range []string{"", "charts/cilium", "docker.io", "docker.io/", "nginx", "library/nginx", "a_b/c", "_5000/c", "x_99999/c", "x_/c"} {
		_, _, ok := SplitRepository(repository)
		require.False(t, ok, repository)
	}
}

func TestAddressesThatNodesAndFluxAreGiven(t *testing.T) {
	require.Equal(t, "http://192.168.1.10:5000/v2/docker.io", MirrorEndpoint("192.168.1.10:5000", "docker.io"))
	require.Equal(t, "http://192.168.1.10:5000/v2/registry.example.org_5000", MirrorEndpoint("192.168.1.10:5000", "registry.example.org:5000"))
	require.Equal(t, "oci+http://192.168.1.10:5000/charts", ChartSource("192.168.1.10:5000"))
	require.Equal(t, "charts/cilium", ChartRepository("cilium"))
}
