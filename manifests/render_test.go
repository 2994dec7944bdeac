// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"
)

// render is what "helm template" prints for the chart as the repository packs it, without the chart's version, which
// changes with every byte.
func render(t *testing.T, r rendering) string {
	t.Helper()
	manifest, err := tryRender(t, r)
	require.NoError(t, err, r.name)
	return manifest
}

// tryRender also returns why a chart refuses values.
func tryRender(t *testing.T, r rendering) (string, error) {
	t.Helper()
	repository, err := NewRepository(Charts())
	require.NoError(t, err)
	archive, err := repository.Archive(r.chart)
	require.NoError(t, err)
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	require.NoError(t, err)

	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun = true, true
	install.ReleaseName, install.Namespace = r.chart, r.namespace
	if r.chart == "tenant" { // it names a tenant
		install.ReleaseName = "tenant-beta"
	}
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.34.4", Major: "1", Minor: "34"}
	install.APIVersions = apisOf(r.name)
	release, err := install.Run(loaded, r.values)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(release.Manifest) + "\n", nil
}

// withoutGenerated leaves out what is generated from Go types or of another chart: it is checked where it is made.
func withoutGenerated(manifest string) string {
	const mark = "\n---\n"
	documents := strings.Split("\n"+manifest, mark)
	documents = slices.DeleteFunc(documents, func(document string) bool {
		return strings.Contains(document, "/templates/crd-") || strings.Contains(document, "\n  cilium.yaml: |\n")
	})
	return strings.TrimPrefix(strings.Join(documents, mark), "\n")
}

func objects(t *testing.T, manifest string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, document := range strings.Split(manifest, "\n---\n") {
		var object map[string]any
		require.NoError(t, yaml.UnmarshalStrict([]byte(strings.TrimPrefix(document, "---\n")), &object), document)
		if len(object) > 0 {
			out = append(out, object)
		}
	}
	require.NotEmpty(t, out)
	return out
}
