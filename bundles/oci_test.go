// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// chartRegistry is an OCI registry in memory. Its address is a chart source: oci+http://127.0.0.1:1234/charts.
func chartRegistry(t *testing.T) (server *httptest.Server, source string) {
	t.Helper()
	server = httptest.NewServer(ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return server, strings.Replace(server.URL, "http://", plainRegistry, 1) + "/charts"
}

// pushChart puts a chart into a registry and returns the digest of its manifest.
func pushChart(t *testing.T, c Chart, archive []byte, edit func(*ocispec.Manifest)) string {
	t.Helper()
	place, err := openOCI(http.DefaultClient, c)
	require.NoError(t, err)
	push := func(kind string, body []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: kind, Digest: digest.FromBytes(body), Size: int64(len(body))}
		require.NoError(t, place.repository.Push(t.Context(), d, strings.NewReader(string(body))))
		return d
	}
	manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	manifest.SchemaVersion = 2
	manifest.Config = push(ChartConfigType, []byte("{}"))
	manifest.Layers = []ocispec.Descriptor{push(ChartLayerType, archive)}
	if edit != nil {
		edit(&manifest)
	}
	raw, err := json.Marshal(manifest)
	require.NoError(t, err)
	pushed := push(ocispec.MediaTypeImageManifest, raw)
	require.NoError(t, place.repository.Tag(t.Context(), pushed, place.tag()))
	return pushed.Digest.Encoded()
}

func TestChartsAreReadFromRegistries(t *testing.T) {
	ours := charts(t)
	want, err := ours.Archive("priority-classes")
	require.NoError(t, err)
	_, source := chartRegistry(t)
	c := Chart{Repository: source, Name: "priority-classes", Version: "1.0.0+build.1"}
	c.Digest = pushChart(t, c, want, nil)
	shelf := NewShelf(ours, nil)
	for name, c := range map[string]Chart{
		"by the package's digest": c, "by the registry's": {Repository: source + "/", Name: c.Name, Version: c.Version},
	} {
		got, err := shelf.Archive(t.Context(), Package{Name: "priority-classes", Chart: c})
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
}

func TestChartsOfRegistriesAreChecked(t *testing.T) {
	server, source := chartRegistry(t)
	for name, test := range map[string]struct {
		edit func(*ocispec.Manifest)
		pin  string
		want string
	}{
		"another manifest than the package's": {nil, strings.Repeat("0", 64), "want " + strings.Repeat("0", 64)},
		"not a chart":                         {func(m *ocispec.Manifest) { m.Config.MediaType = "a/b" }, "", `not a Helm chart: its configuration is of type "a/b"`},
		"no content":                          {func(m *ocispec.Manifest) { m.Layers[0].MediaType = "a/b" }, "", "no layer of type " + ChartLayerType},
		"endless":                             {func(m *ocispec.Manifest) { m.Layers[0].Size = maxArchive + 1 }, "", "at most 16777216 are taken"},
		"more than it says":                   {func(m *ocispec.Manifest) { m.Layers[0].Size-- }, "", "mismatch"},
	} {
		c := Chart{Repository: source, Name: "a", Version: "1.0.0"}
		pushChart(t, c, []byte("chart"), test.edit)
		c.Digest = test.pin
		_, err := fetchOCI(t.Context(), server.Client(), c)
		require.ErrorContains(t, err, test.want, name)
	}
	_, err := fetchOCI(t.Context(), server.Client(), Chart{Repository: source, Name: "absent", Version: "1.0.0"})
	require.ErrorContains(t, err, "not found")
}

func TestARegistryThatLiesIsRefused(t *testing.T) {
	_, source := chartRegistry(t)
	c := Chart{Repository: source, Name: "a", Version: "1.0.0"}
	pushChart(t, c, []byte("chart"), nil)
	flipped := &http.Client{Transport: flipping{}}
	_, err := fetchOCI(t.Context(), flipped, c)
	require.ErrorContains(t, err, "mismatched digest")
}

// flipping changes the first byte of every blob.
type flipping struct{}

func (flipping) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.Contains(r.URL.Path, "/blobs/") {
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		body[0] ^= 1
		answer.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	return answer, err
}

func TestPlainHTTPIsSaidNotGuessed(t *testing.T) {
	_, source := chartRegistry(t)
	c := Chart{Repository: strings.Replace(source, plainRegistry, registry, 1), Name: "a", Version: "1.0.0"}
	_, err := fetchOCI(t.Context(), http.DefaultClient, c)
	var plain *PlainHTTPError
	require.ErrorAs(t, err, &plain)
	require.Contains(t, plain.Hint(), source)
}

func TestARegistryIsAChartSource(t *testing.T) {
	server, source := chartRegistry(t)
	cilium := Package{Name: "cilium", Chart: Chart{Repository: "https://helm.cilium.io", Name: "cilium", Version: "1.0.0", Digest: "aa"}}
	ours := Package{Name: "ours", Chart: Chart{Embedded: "priority-classes"}}
	operator, other := manifestPackage("http://x/y"), manifestPackage("http://x/y")
	other.Chart.Name = "other"
	at := Chart{Repository: source, Name: "cilium", Version: "1.0.0"}
	wrapped := Chart{Repository: source, Name: operator.Chart.Name, Version: operator.Chart.Version}
	at.Digest, wrapped.Digest = pushChart(t, at, []byte("chart"), nil), pushChart(t, wrapped, []byte("wrapped"), nil)

	shelf, plan := NewShelf(charts(t), server.Client()), &Plan{Packages: []Package{ours, cilium, operator, other}}
	require.NoError(t, shelf.Redirect(t.Context(), plan, source))
	require.Equal(t, ours, plan.Packages[0])
	require.Equal(t, at, plan.Packages[1].Chart)
	require.Equal(t, wrapped, plan.Packages[2].Chart)
	require.Equal(t, other, plan.Packages[3], "the source has no chart of it: its manifests are used")

	first, second := cilium, cilium
	first.Name, first.Chart.Version = "first", "1.0.1"
	second.Name, second.Chart.Name = "second", "absent"
	lacking := &Plan{Packages: []Package{first, cilium, second}}
	require.Equal(t, []string{
		`packages/first.yaml: chart: "cilium 1.0.1": not in chart source ` + source,
		`packages/second.yaml: chart: "absent 1.0.0": not in chart source ` + source,
	}, problems(t, shelf.Redirect(t.Context(), lacking, source)))
	require.Equal(t, cilium, lacking.Packages[1], "a plan is redirected as a whole, or not at all")
}

func TestFluxIsToldOfARegistryWithoutTLS(t *testing.T) {
	packages := []Package{{Name: "a", Chart: Chart{Repository: "oci+http://10.0.0.1:5000/charts", Name: "a", Version: "1.0.0"}}}
	found := helmRepositories(packages, "")
	require.Len(t, found, 1)
	require.Equal(t, "oci://10.0.0.1:5000/charts", found[0].Spec.URL)
	require.Equal(t, "oci", found[0].Spec.Type)
	require.True(t, found[0].Spec.Insecure)
}

// FuzzChartLayer: whatever a manifest says, it gives a bounded layer with a digest that is one, or an error.
func FuzzChartLayer(f *testing.F) {
	f.Add([]byte(`{"config":{"mediaType":"` + ChartConfigType + `"},"layers":[{"mediaType":"` + ChartLayerType + `","size":3,"digest":"sha256:` + strings.Repeat("a", 64) + `"}]}`))
	f.Add([]byte(`{"layers":[null]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		layer, err := chartLayer(raw)
		if err == nil {
			require.NoError(t, layer.Digest.Validate())
			require.True(t, layer.Size >= 0 && layer.Size <= maxArchive)
		}
	})
}
