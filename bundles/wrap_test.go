// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

const operatorManifest = `# a comment alone
---
apiVersion: v1
kind: Namespace
metadata: {name: kubevirt, labels: {x: y}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec: {group: example.org}
status: {storedVersions: []}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: braces, namespace: kubevirt}
data: {text: "{{ .Values.notHelms }}"}
---
apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: reader, namespace: kube-system}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: reader}
`

func manifestPackage(urls ...string) Package {
	p := Package{Name: "operator", Title: "T", Release: "operator", Namespace: "kubevirt", Chart: Chart{Name: "operator", Version: "1.2.3"}}
	for _, url := range urls {
		p.Chart.Manifests = append(p.Chart.Manifests, Manifest{URL: url})
	}
	return p
}

func TestPlainManifestsBecomeAChart(t *testing.T) {
	p := manifestPackage("http://x/y")
	files, err := wrap(p, [][]byte{[]byte(operatorManifest)})
	require.NoError(t, err)
	archive, err := charts(t).Pack(files)
	require.NoError(t, err)
	again, err := charts(t).Pack(files)
	require.NoError(t, err)
	require.Equal(t, archive, again, "the same files give the same bytes")

	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	require.NoError(t, err)
	require.Equal(t, "operator", loaded.Metadata.Name)
	require.Equal(t, "1.2.3", loaded.Metadata.Version)
	require.Len(t, loaded.CRDObjects(), 1)
	require.NotContains(t, string(loaded.CRDObjects()[0].File.Data), "status")

	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun = true, true
	install.ReleaseName, install.Namespace = p.Release, p.Namespace
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.34.4", Major: "1", Minor: "34"}
	release, err := install.Run(loaded, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"ClusterRole", "ConfigMap", "RoleBinding"}, found(release.Manifest, `(?m)^kind: (.+)$`))
	require.Contains(t, release.Manifest, "{{ .Values.notHelms }}")
}

func TestManifestsThatCanNotBeAChartAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ manifest, want string }{
		"another namespace": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}",
			`http://x/y: document 1: ConfigMap a is meant for namespace "default", and the package lies in "kubevirt"`,
		},
		"no object":  {"a: b", "document 1: not a Kubernetes object"},
		"not YAML":   {"{", "document 1"},
		"empty":      {"# nothing\n", "no object in them"},
		"HTML error": {"<html>", "document 1"},
	} {
		_, err := wrap(manifestPackage("http://x/y"), [][]byte{[]byte(test.manifest)})
		require.ErrorContains(t, err, test.want, name)
	}
}

func TestManifestsAreCheckedAgainstTheirDigest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(operatorManifest))
	}))
	defer server.Close()
	p, shelf := manifestPackage(server.URL), NewShelf(charts(t), server.Client())
	sum := sha256.Sum256([]byte(operatorManifest))
	for digest, want := range map[string]string{
		"": "", hex.EncodeToString(sum[:]): "", strings.Repeat("0", 64): "want " + strings.Repeat("0", 64),
	} {
		p.Chart.Manifests[0].Digest = digest
		_, err := shelf.Archive(t.Context(), p)
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
}

func TestAChartSourceStandsInForAllOthers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("entries: {cilium: [{version: 1.0.0, urls: [x]}], operator: [{version: 1.2.3, urls: [x]}]}"))
	}))
	defer server.Close()
	shelf := NewShelf(charts(t), server.Client())
	ours := Package{Name: "ours", Chart: Chart{Embedded: "priority-classes"}}
	cilium := Package{Name: "cilium", Chart: Chart{Repository: "https://helm.cilium.io", Name: "cilium", Version: "1.0.0", Digest: "aa"}}
	other := manifestPackage("http://x/y")
	other.Chart.Name = "other"
	plan := &Plan{Packages: []Package{ours, cilium, manifestPackage("http://x/y"), other}}
	require.NoError(t, shelf.Redirect(t.Context(), plan, server.URL))
	require.Equal(t, ours, plan.Packages[0])
	require.Equal(t, Chart{Repository: server.URL, Name: "cilium", Version: "1.0.0"}, plan.Packages[1].Chart)
	require.Equal(t, Chart{Repository: server.URL, Name: "operator", Version: "1.2.3"}, plan.Packages[2].Chart)
	require.Equal(t, other, plan.Packages[3], "the source has no chart of it: its manifests are used")

	before := []Package{ours, cilium, manifestPackage("http://x/y"), other}
	strict := &Plan{Packages: slices.Clone(before)}
	require.ErrorContains(t, shelf.RedirectAll(t.Context(), strict, server.URL), `packages/operator.yaml: chart: "other 1.2.3": not in chart source`)
	require.Equal(t, before, strict.Packages, "nothing leads elsewhere in silence")
	strict.Packages = strict.Packages[:3]
	require.NoError(t, shelf.RedirectAll(t.Context(), strict, server.URL))
	require.Equal(t, plan.Packages[:3], strict.Packages)

	lacking := cilium
	lacking.Chart.Version = "1.0.1"
	loose := &Plan{Packages: []Package{ours, cilium, lacking, manifestPackage("http://x/y"), other}}
	require.NoError(t, shelf.RedirectAnyhow(t.Context(), loose, server.URL))
	require.Equal(t, []Package{plan.Packages[0], plan.Packages[1]}, loose.Packages[:2])
	require.Equal(t, Chart{Repository: server.URL, Name: "cilium", Version: "1.0.1", Digest: "aa"}, loose.Packages[2].Chart,
		"it is never had from elsewhere, and as pinned as it was")
	require.Equal(t, plan.Packages[2:], loose.Packages[3:])

	cilium.Chart.Version = "1.0.1"
	err := shelf.Redirect(t.Context(), &Plan{Packages: []Package{cilium}}, server.URL)
	require.ErrorContains(t, err, `packages/cilium.yaml: chart: "cilium 1.0.1": not in chart source`)
	require.ErrorContains(t, shelf.Redirect(t.Context(), plan, "charts"), "not the http(s), oci or oci+http URL")
}
