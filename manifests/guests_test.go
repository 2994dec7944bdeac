// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

func pack(t *testing.T, chartYAML string) []byte {
	t.Helper()
	archive, err := (*Repository)(nil).Pack(map[string][]byte{"Chart.yaml": []byte(chartYAML), "templates/a.yaml": []byte("a: b")})
	require.NoError(t, err)
	return archive
}

func ask(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return answer
}

func TestGuestsAreServedBesideOurCharts(t *testing.T) {
	own, err := NewRepository(Charts())
	require.NoError(t, err)
	guest := pack(t, "{apiVersion: v2, name: kubevirt-operator, version: 1.8.4}")
	both, err := own.With(guest)
	require.NoError(t, err)

	var index struct {
		Entries map[string][]struct {
			Version, Digest string
			URLs            []string
		}
	}
	require.NoError(t, yaml.Unmarshal(ask(t, both, "/index.yaml").Body.Bytes(), &index))
	require.Len(t, index.Entries, len(own.Names())+1)
	entry := index.Entries["kubevirt-operator"][0]
	require.Equal(t, "1.8.4", entry.Version)
	require.Equal(t, digest(guest), entry.Digest)
	require.Equal(t, guest, ask(t, both, "/"+entry.URLs[0]).Body.Bytes())
	require.Equal(t, http.StatusOK, ask(t, both, "/"+index.Entries["priority-classes"][0].URLs[0]).Code)
	require.Equal(t, http.StatusNotFound, ask(t, own, "/"+entry.URLs[0]).Code, "the first one is as it was")
	require.NotContains(t, ask(t, own, "/index.yaml").Body.String(), "kubevirt-operator")
}

func TestGuestsThatAreNoChartsAreRefused(t *testing.T) {
	own, err := NewRepository(Charts())
	require.NoError(t, err)
	for name, test := range map[string]struct {
		archive []byte
		want    string
	}{
		"not packed":     {[]byte("a"), "packed chart 0"},
		"no version":     {pack(t, "{name: a}"), "name or version: missing"},
		"one of our own": {pack(t, "{name: cozy-controller, version: 9.9.9}"), "there is a chart of that name already"},
	} {
		_, err := own.With(test.archive)
		require.ErrorContains(t, err, test.want, name)
	}
}

func TestPackWantsAChart(t *testing.T) {
	for _, files := range []map[string][]byte{{}, {"Chart.yaml": []byte("version: 1.0.0")}, {"Chart.yaml": []byte("{")}} {
		_, err := (*Repository)(nil).Pack(files)
		require.ErrorContains(t, err, "pack a chart")
	}
}
