// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	"sigs.k8s.io/yaml"
)

// madeAnew stands in golden files for what each rendering makes anew: passwords, keys, certificates.
const madeAnew = "(made anew)"

// withoutRandom replaces what differs between two renderings of the same: values of Secrets may, nothing else.
func withoutRandom(t *testing.T, first, second string) string {
	t.Helper()
	const mark = "\n---\n"
	left, right := strings.Split(first, mark), strings.Split(second, mark)
	require.Len(t, right, len(left))
	for i := range left {
		if left[i] == right[i] {
			continue
		}
		comment, body, _ := strings.Cut(left[i], "apiVersion:")
		var one, other map[string]any
		require.NoError(t, yaml.UnmarshalStrict([]byte("apiVersion:"+body), &one))
		require.NoError(t, yaml.UnmarshalStrict([]byte(right[i]), &other))
		require.Equal(t, "Secret", one["kind"], "differs from rendering to rendering:\n%s", left[i])
		for _, part := range []string{"data", "stringData"} {
			values, _ := one[part].(map[string]any)
			others, _ := other[part].(map[string]any)
			for key := range values {
				if values[key] != others[key] {
					values[key], others[key] = madeAnew, madeAnew
				}
			}
		}
		require.Equal(t, one, other, "differs from rendering to rendering in more than its values")
		raw, err := yaml.Marshal(one)
		require.NoError(t, err)
		left[i] = comment + strings.TrimSpace(string(raw))
	}
	return strings.TrimSpace(strings.Join(left, mark)) + "\n"
}

// makesSecrets says whether a chart makes Secrets of its own: of applications some do, for their users.
func makesSecrets(chart string) bool {
	return slices.Contains([]string{"postgres", "seaweedfs"}, chart)
}

// holding is a cluster that holds Secrets, ConfigMaps, StatefulSets and their claims, as far as templates look at it.
type holding struct{ client dynamic.Interface }

func (h holding) GetClientFor(apiVersion, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	version, err := schema.ParseGroupVersion(apiVersion)
	return h.client.Resource(version.WithResource(strings.ToLower(kind) + "s")), true, err
}

// renderOn is the rendering of a chart on a cluster that holds what was rendered before.
func renderOn(t *testing.T, r rendering, before string) string {
	t.Helper()
	var there []runtime.Object
	for _, object := range objects(t, before) {
		switch object["kind"] {
		case "Secret", "ConfigMap", "StatefulSet", "PersistentVolumeClaim":
			there = append(there, stored(object, r.namespace))
		}
	}
	repository, err := NewRepository(Charts())
	require.NoError(t, err)
	archive, err := repository.Archive(r.chart)
	require.NoError(t, err)
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	require.NoError(t, err)
	options := chartutil.ReleaseOptions{Name: r.chart, Namespace: r.namespace, IsUpgrade: true}
	cluster := chartutil.DefaultCapabilities.Copy()
	cluster.APIVersions = append(cluster.APIVersions, apisOf(r.name)...)
	values, err := chartutil.ToRenderValues(loaded, r.values, options, cluster)
	require.NoError(t, err)
	client := holding{fake.NewSimpleDynamicClient(runtime.NewScheme(), there...)}
	files, err := engine.RenderWithClientProvider(loaded, values, client)
	require.NoError(t, err)
	var out []string
	for _, file := range files {
		out = append(out, strings.TrimSpace(file))
	}
	return strings.Join(out, "\n---\n")
}

// stored is an object as the API server keeps it, of which a Secret has its text encoded.
func stored(object map[string]any, namespace string) *unstructured.Unstructured {
	out := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(object)}
	out.SetNamespace(namespace)
	if object["kind"] == "StatefulSet" || object["kind"] == "PersistentVolumeClaim" {
		return out
	}
	data, _ := out.Object["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	plain, _, _ := unstructured.NestedStringMap(object, "stringData")
	for key, value := range plain {
		data[key] = encoded(value)
	}
	out.Object["data"] = data
	delete(out.Object, "stringData")
	return out
}
