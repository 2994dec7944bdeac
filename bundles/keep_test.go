// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

const componentsManifest = `apiVersion: v1
kind: Namespace
metadata: {name: elsewhere}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: provider, namespace: elsewhere}
spec:
  template:
    spec: {containers: [{name: manager, image: "registry.example.org/provider:v1", args: ["--level=${LEVEL:={{3}}}"]}]}
`

// keeping is a package of one provider's components and metadata.
func keeping(url string) Package {
	p := manifestPackage(url+"/components.yaml", url+"/metadata.yaml")
	p.Chart.Manifests[0].ConfigMap = &InConfigMap{
		Name: "parts", Key: "components", Gzip: true, Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"packed": "true"},
	}
	p.Chart.Manifests[1].ConfigMap = &InConfigMap{Name: "parts", Key: "metadata", Labels: map[string]string{"c": "d"}}
	return p
}

func configMaps(t *testing.T, p Package, archive []byte) []corev1.ConfigMap {
	t.Helper()
	objects, err := Render(t.Context(), p, archive, "v1.34.4")
	require.NoError(t, err)
	out := make([]corev1.ConfigMap, len(objects))
	for i, object := range objects {
		require.Equal(t, "ConfigMap", object.GetKind())
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &out[i]))
	}
	return out
}

func TestManifestsAreKeptForAnOperatorAsTheyAre(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := "apiVersion: example.org/v1\nseries: []\n"
		if strings.HasSuffix(r.URL.Path, "components.yaml") {
			body = componentsManifest
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	p, shelf := keeping(server.URL), NewShelf(charts(t), server.Client())
	archive, err := shelf.Archive(t.Context(), p)
	require.NoError(t, err)
	again, err := shelf.Archive(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, archive, again, "the same files give the same bytes")

	all := configMaps(t, p, archive)
	require.Len(t, all, 1)
	require.Equal(t, "parts", all[0].Name)
	require.Equal(t, map[string]string{"a": "b", "c": "d"}, all[0].Labels)
	require.Equal(t, "true", all[0].Annotations["packed"])
	require.Equal(t, map[string]string{"metadata": "apiVersion: example.org/v1\nseries: []\n"}, all[0].Data)
	plain, err := unpacked(all[0].BinaryData["components"])
	require.NoError(t, err)
	require.Equal(t, componentsManifest, string(plain), "braces and variables are the operator's")

	images, err := Images(t.Context(), p, archive, "v1.34.4")
	require.NoError(t, err)
	require.Equal(t, []string{"registry.example.org/provider:v1"}, images)
	verdict := verified(t, shelf, &Plan{Packages: []Package{p}})[0]
	require.Equal(t, []string{"uses image registry.example.org/provider:v1, which the package does not list"}, verdict.Problems)
	require.True(t, verdict.Unpinned)
}

func TestWhatCanNotBeKeptIsRefused(t *testing.T) {
	p := keeping("http://x")
	random := make([]byte, 800<<10)
	_, err := rand.Read(random)
	require.NoError(t, err)
	big := []byte("a: " + hex.EncodeToString(random)) // 0.8 MiB packed
	for name, test := range map[string]struct {
		components, metadata []byte
		want                 string
	}{
		"HTML error": {[]byte("<html>"), []byte("a: b"), "http://x/components.yaml: document 1"},
		"empty":      {[]byte("a: b"), []byte("# nothing\n"), "http://x/metadata.yaml: there is nothing in it"},
		"large":      {big, big, "ConfigMap parts would hold"},
	} {
		_, err := wrap(p, [][]byte{test.components, test.metadata})
		require.ErrorContains(t, err, test.want, name)
	}
	_, err = wrap(p, [][]byte{big, []byte("a: b")})
	require.NoError(t, err, "packed, it fits")
}

func TestPlacesInConfigMapsAreChecked(t *testing.T) {
	_, err := Load(tree(set("a", "a"), `name: a
title: T
namespace: cozy-a
chart:
  name: a
  version: 1.0.0
  manifests:
    - {url: "https://x/1", configMap: {name: Upper, key: "a b", labels: {x: "no label!"}, annotations: {"/": y}}}
    - {url: "https://x/2", configMap: {name: one, key: same}}
    - {url: "https://x/3", configMap: {name: one, key: same}}
    - {url: "https://x/4", configMap: {name: two, key: same}}
`))
	require.Error(t, err)
	for _, want := range []string{
		`chart.manifests[0].configMap.name: "Upper"`, `chart.manifests[0].configMap.key: "a b"`,
		`chart.manifests[0].configMap.labels.x: "no label!"`, `chart.manifests[0].configMap.annotations: "/"`,
		`chart.manifests[2].configMap.key: "same": another file has it in ConfigMap one`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "manifests[1]")
	require.NotContains(t, err.Error(), "manifests[3]")
}

// TestEveryProviderFindsItsComponents as Cluster API's operator does: it wants one ConfigMap that the selector matches, with the
// provider's version in a label, and installs what is in it. The files are made up.
func TestEveryProviderFindsItsComponents(t *testing.T) {
	var kept []corev1.ConfigMap
	var providers int
	for _, plan := range shipped(t) {
		for _, p := range plan.Packages {
			if len(p.Chart.Manifests) > 0 && p.Chart.Manifests[0].ConfigMap != nil {
				kept = append(kept, configMaps(t, p, madeUp(t, p))...)
			}
		}
		for _, p := range plan.Packages {
			if p.Name != "capi-providers" {
				continue
			}
			archive, err := charts(t).Archive(p.Chart.Embedded)
			require.NoError(t, err)
			objects, err := Render(t.Context(), p, archive, "v1.34.4")
			require.NoError(t, err)
			for _, object := range objects {
				providers++
				wanted, _ := lookup(object.Object, []string{"spec", "fetchConfig", "selector", "matchLabels"})
				selector := labels.Set{}
				for key, value := range wanted.(map[string]any) {
					selector[key] = value.(string)
				}
				version, _ := lookup(object.Object, []string{"spec", "version"})
				var matches []string
				for _, one := range kept {
					if selector.AsSelector().Matches(labels.Set(one.Labels)) {
						matches = append(matches, one.Name)
						require.Equal(t, version, one.Labels["provider.cluster.x-k8s.io/version"])
						require.Equal(t, "true", one.Annotations["provider.cluster.x-k8s.io/compressed"])
						require.NotEmpty(t, one.Data["metadata"])
						require.NotEmpty(t, one.BinaryData["components"])
					}
				}
				require.Len(t, matches, 1, "%s %s", object.GetKind(), object.GetName())
			}
		}
	}
	require.Equal(t, 5, providers)
	require.Len(t, kept, providers, "no components without a provider")
}

// madeUp is a package's chart, its manifests made up.
func madeUp(t *testing.T, p Package) []byte {
	t.Helper()
	var files [][]byte
	for range p.Chart.Manifests {
		files = append(files, bytes.Repeat([]byte("a: b\n"), 10))
	}
	wrapped, err := wrap(p, files)
	require.NoError(t, err)
	archive, err := charts(t).Pack(wrapped)
	require.NoError(t, err)
	return archive
}
