// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/manifests"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// TestImagesOfApplicationsAreListed: an archive has what tenants order. Their charts are no packages; the package that lets
// tenants order them lists the images, as they are by default.
func TestImagesOfApplicationsAreListed(t *testing.T) {
	of, ok := load(t, Data()).Package("tenant-applications")
	require.True(t, ok)
	own := charts(t)
	render := func(p Package) []string {
		version, err := manifests.ChartVersion(p.Chart.Embedded)
		require.NoError(t, err)
		p.Chart.Version = version
		archive, err := own.Archive(p.Chart.Embedded)
		require.NoError(t, err)
		objects, err := Render(t.Context(), p, archive, "v1.34.4")
		require.NoError(t, err)
		var out []string
		for _, object := range objects {
			if object.GetKind() == definition.ApplicationDefinitionKind {
				chart, _ := lookup(object.Object, []string{"spec", "release", "chart", "name"})
				out = append(out, chart.(string))
			}
		}
		if len(out) > 0 {
			return out
		}
		return imagesOf(objects)
	}
	definitions := *of
	definitions.Release = of.Name
	values := map[string]any{"_tenant": map[string]any{
		"namespace": "tenant-alpha", "name": "alpha", "host": "alpha.example.org", "clusterDomain": "cozy.local", "release": "name",
		"services":    map[string]any{"etcd": "tenant-alpha", "monitoring": "tenant-alpha", "ingress": "tenant-alpha", "seaweedfs": "tenant-alpha"},
		"application": map[string]any{"kind": "Kind", "name": "name"}, "ratios": map[string]any{"cpu": 1, "memory": 1},
	}}
	ran := 0
	for _, chart := range render(definitions) {
		images := render(Package{Name: chart, Release: chart, Namespace: "tenant-alpha", Chart: Chart{Embedded: chart}, Values: values})
		ran += len(images)
		require.Subset(t, of.Images, images, chart)
	}
	require.Positive(t, ran)
}
