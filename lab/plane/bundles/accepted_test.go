// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/bundles"
)

// The API server is asked what it would do with each object of our own charts, as every platform would have it. They go
// to a namespace of this test, since theirs are not there yet.
func (w *world) objectsAreAccepted(t *testing.T) {
	const namespace = "dry-run"
	_, err := w.kube.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	require.NoError(t, err)
	groups, err := restmapper.GetAPIGroupResources(w.kube.Discovery())
	require.NoError(t, err)
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	packages := w.plan(t, platform, nil).Packages
	asked := map[string]bool{}
	for _, p := range packages {
		if p.Chart.Embedded == "" {
			continue
		}
		asked[p.Chart.Embedded] = true
		for _, of := range []string{bundles.Talos, bundles.Generic} {
			for _, object := range w.render(t, p, of) {
				object.SetNamespace(namespace)
				mapping, err := mapper.RESTMapping(object.GroupVersionKind().GroupKind(), object.GroupVersionKind().Version)
				require.NoError(t, err, "%s: %s", p.Name, object.GroupVersionKind())
				if mapping.Scope.Name() == meta.RESTScopeNameRoot {
					object.SetNamespace("")
				}
				_, err = w.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace()).Create(t.Context(), object,
					metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
				require.NoError(t, err, "%s on %s: %s %s", p.Name, of, object.GetKind(), object.GetName())
			}
		}
	}
	for _, name := range w.shelf.charts.Names() {
		// The kinds of what no bundle takes are not here to ask for.
		require.True(t, asked[name] || strings.HasPrefix(name, "trial") || !w.shelf.bundled(name),
			"no package of %s has chart %s", platform, name)
	}
}

// render makes the objects of a package with the values it has on a platform.
func (w *world) render(t *testing.T, p bundles.Package, of string) []*unstructured.Unstructured {
	t.Helper()
	archive, err := w.shelf.charts.Archive(p.Chart.Embedded)
	require.NoError(t, err)
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	require.NoError(t, err)
	values := chartutil.CoalesceTables(map[string]any{}, p.ValuesByPlatform[of]) // the first one wins
	values = chartutil.CoalesceTables(values, p.Values)
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun = true, true
	install.ReleaseName, install.Namespace = p.Release, p.Namespace
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.34.4", Major: "1", Minor: "34"}
	release, err := install.Run(loaded, values)
	require.NoError(t, err, p.Name)
	var out []*unstructured.Unstructured
	for document := range strings.SplitSeq("\n"+release.Manifest, "\n---\n") {
		object := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(document), &object.Object), document)
		if len(object.Object) > 0 {
			out = append(out, object)
		}
	}
	require.NotEmpty(t, out, p.Name)
	return out
}
