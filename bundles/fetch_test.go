// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/manifests"
)

func TestChartsAreFetchedFromARepository(t *testing.T) {
	ours := charts(t)
	server := httptest.NewServer(http.StripPrefix("/charts", ours))
	defer server.Close()
	version, err := manifests.ChartVersion("priority-classes")
	require.NoError(t, err)
	want, err := ours.Archive("priority-classes")
	require.NoError(t, err)
	sum := sha256.Sum256(want)
	for name, c := range map[string]Chart{
		"by the index's digest":   {Repository: server.URL + "/charts", Name: "priority-classes", Version: version},
		"by the package's digest": {Repository: server.URL + "/charts/", Name: "priority-classes", Version: version, Digest: hex.EncodeToString(sum[:])},
	} {
		got, err := fetchChart(t.Context(), server.Client(), c)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
}

func TestHostileRepositoriesAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		index   string
		archive string
		chart   Chart
		want    string
	}{
		"wrong bytes, by the index":   {"entries: {a: [{version: 1.0.0, urls: [a.tgz], digest: " + strings.Repeat("f", 64) + "}]}", "x", Chart{}, "SHA-256 is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, want ffff"},
		"wrong bytes, by the package": {"entries: {a: [{version: 1.0.0, urls: [a.tgz], digest: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881}]}", "x", Chart{Digest: strings.Repeat("1", 64)}, "want 1111"},
		"no digest at all":            {"entries: {a: [{version: 1.0.0, urls: [a.tgz]}]}", "x", Chart{}, "names no digest of a 1.0.0"},
		"other versions only":         {"entries: {a: [{version: 1.0.1, urls: [a.tgz]}]}", "x", Chart{}, "chart a 1.0.0: not there"},
		"no such chart":               {"entries: {}", "x", Chart{}, "chart a 1.0.0: not there"},
		"no address":                  {"entries: {a: [{version: 1.0.0}]}", "x", Chart{}, "has no address"},
		"broken address":              {"entries: {a: [{version: 1.0.0, digest: f, urls: ['http://%zz']}]}", "x", Chart{}, "invalid URL escape"},
		"another scheme":              {"entries: {a: [{version: 1.0.0, digest: f, urls: ['file:///etc/passwd']}]}", "x", Chart{}, "unsupported protocol scheme"},
		"not YAML":                    {"{", "x", Chart{}, "index.yaml"},
		"endless archive":             {"entries: {a: [{version: 1.0.0, digest: f, urls: [a.tgz]}]}", strings.Repeat("x", maxArchive+1), Chart{}, "more than 16777216 bytes"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/index.yaml" {
				_, _ = w.Write([]byte(test.index))
				return
			}
			_, _ = w.Write([]byte(test.archive))
		}))
		test.chart.Repository, test.chart.Name, test.chart.Version = server.URL, "a", "1.0.0"
		_, err := fetchChart(t.Context(), server.Client(), test.chart)
		require.ErrorContains(t, err, test.want, name)
		server.Close()
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	_, err := fetchChart(t.Context(), gone.Client(), Chart{Repository: gone.URL, Name: "a", Version: "1.0.0"})
	require.ErrorContains(t, err, "404 Not Found")
}

// FuzzFindEntry: whatever an index says, it gives an entry with an address or an error.
func FuzzFindEntry(f *testing.F) {
	f.Add([]byte("entries: {a: [{version: 1.0.0, urls: [a.tgz]}]}"))
	f.Add([]byte("entries: [1]"))
	f.Add([]byte("&a [*a]"))
	f.Fuzz(func(t *testing.T, index []byte) {
		entry, err := findEntry(index, Chart{Name: "a", Version: "1.0.0"})
		if err == nil {
			require.NotEmpty(t, entry.URLs)
		}
	})
}
