// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/repo"
)

func tiny(files map[string]string) fstest.MapFS {
	charts := fstest.MapFS{"tiny/Chart.yaml": {Data: []byte("apiVersion: v2\nname: tiny\nversion: 1.2.3\n")}}
	for name, content := range files {
		charts["tiny/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	return charts
}

func TestHelmFindsAndLoadsEveryChart(t *testing.T) {
	repository, err := NewRepository(Charts())
	require.NoError(t, err)
	server := httptest.NewServer(http.StripPrefix("/charts", repository))
	defer server.Close()

	indexFile := filepath.Join(t.TempDir(), "index.yaml")
	require.NoError(t, os.WriteFile(indexFile, get(t, server.URL+"/charts/index.yaml"), 0o600))
	index, err := repo.LoadIndexFile(indexFile)
	require.NoError(t, err)
	require.NotEmpty(t, repository.Names())
	for _, name := range repository.Names() {
		version, err := repository.Version(name)
		require.NoError(t, err)
		same, err := ChartVersion(name)
		require.NoError(t, err)
		require.Equal(t, same, version)

		entry, err := index.Get(name, version)
		require.NoError(t, err)
		require.Equal(t, version, entry.Version)
		address, err := repo.ResolveReferenceURL(server.URL+"/charts", entry.URLs[0])
		require.NoError(t, err)
		archive := get(t, address)
		require.Equal(t, entry.Digest, digest(archive))

		loaded, err := loader.LoadArchive(bytes.NewReader(archive))
		require.NoError(t, err)
		require.NoError(t, loaded.Validate())
		require.Equal(t, name, loaded.Name())
		require.Equal(t, version, loaded.Metadata.Version)
		require.NotEmpty(t, loaded.Templates)
	}
}

func TestPackingIsDeterministic(t *testing.T) {
	first, err := NewRepository(Charts())
	require.NoError(t, err)
	second, err := NewRepository(Charts())
	require.NoError(t, err)
	require.Equal(t, first.served, second.served)
}

func TestVersionFollowsContent(t *testing.T) {
	version := func(files map[string]string) string {
		c, err := readChart(tiny(files), "tiny")
		require.NoError(t, err)
		return c.version
	}
	base := version(map[string]string{"templates/a.yaml": "a", "templates/b.yaml": "b"})
	require.Regexp(t, `^1\.2\.3\+[0-9a-f]{8}$`, base)
	require.Equal(t, base, version(map[string]string{"templates/b.yaml": "b", "templates/a.yaml": "a"}))
	for name, other := range map[string]map[string]string{
		"changed byte":            {"templates/a.yaml": "A", "templates/b.yaml": "b"},
		"renamed file":            {"templates/a.yaml": "a", "templates/c.yaml": "b"},
		"bytes moved between two": {"templates/a.yaml": "ab", "templates/b.yaml": ""},
		"file gone":               {"templates/a.yaml": "a"},
	} {
		require.NotEqual(t, base, version(other), name)
	}
}

func TestBrokenChartsAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		charts fs.FS
		want   string
	}{
		"no Chart.yaml":  {fstest.MapFS{"tiny/values.yaml": {}}, "Chart.yaml: file does not exist"},
		"another name":   {fstest.MapFS{"other/Chart.yaml": {Data: []byte("name: tiny\nversion: 1.2.3\n")}}, `name: "tiny": not the name`},
		"no version":     {fstest.MapFS{"tiny/Chart.yaml": {Data: []byte("name: tiny\n")}}, "version: missing"},
		"twice the same": {fstest.MapFS{"tiny/Chart.yaml": {Data: []byte("name: tiny\nname: tiny\n")}}, "already set in map"},
		"file beside":    {fstest.MapFS{"README.md": {}}, "README.md: not a directory"},
	} {
		_, err := NewRepository(test.charts)
		require.ErrorContains(t, err, test.want, name)
	}
}

func TestUnknownChartsDoNotExist(t *testing.T) {
	repository, err := NewRepository(Charts())
	require.NoError(t, err)
	_, err = repository.Version("flanel")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = repository.Archive("flanel")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = repository.Values("flanel")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = repository.Schema("flanel")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = ChartVersion("flanel")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestHandlerServesOnlyWhatItHas(t *testing.T) {
	repository, err := NewRepository(tiny(nil))
	require.NoError(t, err)
	c, err := readChart(tiny(nil), "tiny")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		method, path string
		header       http.Header
		status       int
	}{
		"index":               {http.MethodGet, "/index.yaml", nil, http.StatusOK},
		"archive":             {http.MethodHead, "/" + url.PathEscape(c.archiveName()), nil, http.StatusOK},
		"archive, plain plus": {http.MethodGet, "/" + c.archiveName(), nil, http.StatusOK},
		"unchanged copy": {
			http.MethodGet, "/index.yaml",
			http.Header{"If-None-Match": {`"` + digest(repository.served["index.yaml"]) + `"`}},
			http.StatusNotModified,
		},
		"other version": {http.MethodGet, "/tiny-1.2.3.tgz", nil, http.StatusNotFound},
		"root":          {http.MethodGet, "/", nil, http.StatusNotFound},
		"way out":       {http.MethodGet, "/../Chart.yaml", nil, http.StatusNotFound},
		"writing":       {http.MethodPut, "/index.yaml", nil, http.StatusMethodNotAllowed},
	} {
		request := httptest.NewRequest(test.method, test.path, nil)
		request.Header = test.header
		answer := httptest.NewRecorder()
		repository.ServeHTTP(answer, request)
		require.Equal(t, test.status, answer.Code, name)
	}
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	answer, err := http.Get(address)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode, address)
	var body bytes.Buffer
	_, err = body.ReadFrom(answer.Body)
	require.NoError(t, err)
	return body.Bytes()
}
