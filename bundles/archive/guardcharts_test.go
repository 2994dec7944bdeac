// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bundles"
)

// chartFrom reads a chart from a registry by way of the guard, with a login for registry.example.org.
func chartFrom(t *testing.T, network *anywhere, repository string, follow ...string) error {
	t.Helper()
	config := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(config, "config.json"), []byte(`{"auths": {"registry.example.org": {"auth": "cHVsbGVyOnNlY3JldA=="}}}`), 0o600))
	t.Setenv("DOCKER_CONFIG", config)
	shelf := bundles.NewShelf(nil, &http.Client{Transport: network}).Guarded(GuardCharts(follow))
	_, err := shelf.Archive(t.Context(), bundles.Package{Name: "a", Chart: bundles.Chart{Repository: repository, Name: "a", Version: "1.0.0"}})
	return err
}

func TestARegistryOfChartsLeadsNobodyAstray(t *testing.T) {
	wants := func(realm string) func(*http.Request) *http.Response {
		return replied(http.StatusUnauthorized, "", "WWW-Authenticate", `Bearer realm="`+realm+`"`)
	}
	for name, test := range map[string]struct {
		repository, host string
		answer           func(*http.Request) *http.Response
		follow           []string
		astray           string // the host that it would lead to; empty: none
		hint             string
		login            bool // the other host is sent the login
	}{
		"to a private network":        {"oci://registry.example.org/charts", "https://10.1.2.3", replied(http.StatusTemporaryRedirect, "", "Location", "https://10.1.2.3/x"), nil, "10.1.2.3", "--chart-follow=10.1.2.3", false},
		"to a private one, allowed":   {"oci://registry.example.org/charts", "https://10.1.2.3", replied(http.StatusTemporaryRedirect, "", "Location", "https://10.1.2.3/x"), []string{"10.1.2.3"}, "", "", false},
		"to plain HTTP":               {"oci://registry.example.org/charts", "http://cdn.example.net", replied(http.StatusTemporaryRedirect, "", "Location", "http://cdn.example.net/x"), nil, "cdn.example.net", "by HTTPS", false},
		"to another token service":    {"oci://registry.example.org/charts", "https://auth.evil.net", wants("https://auth.evil.net/token"), nil, "auth.evil.net", "--chart-follow=auth.evil.net", false},
		"to one that is allowed":      {"oci://registry.example.org/charts", "https://auth.evil.net", wants("https://auth.evil.net/token"), []string{"auth.evil.net"}, "", "", true},
		"to its own":                  {"oci://registry.example.org/charts", "https://auth.example.org", wants("https://auth.example.org/token"), nil, "", "", true},
		"from plain HTTP to loopback": {"oci+http://10.0.0.1:5000/charts", "http://127.0.0.1:8080", replied(http.StatusTemporaryRedirect, "", "Location", "http://127.0.0.1:8080/x"), nil, "127.0.0.1:8080", "by HTTPS", false},
	} {
		network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
			"https://registry.example.org": test.answer, "http://10.0.0.1:5000": test.answer, test.host: replied(http.StatusNotFound, ""),
		}}
		err := chartFrom(t, network, test.repository, test.follow...)
		require.Error(t, err, name)
		astray := (*ChartAstrayError)(nil)
		if test.astray != "" {
			require.ErrorAs(t, err, &astray, name)
			require.Equal(t, test.astray, astray.Host, name)
			require.Contains(t, astray.Hint(), test.hint, name)
		} else {
			require.NotErrorAs(t, err, &astray, name)
		}
		require.Equal(t, test.login, network.logins[test.host] != "", name)
	}
}

func TestARegistryOfChartsThatWantsALoginSaysHow(t *testing.T) {
	denies := replied(http.StatusUnauthorized, "", "WWW-Authenticate", `Basic realm="x"`)
	network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
		"http://10.0.0.1:5000": denies, "https://registry.example.org": denies, "https://other.example.org": denies,
	}}
	for repository, hint := range map[string]string{
		"oci+http://10.0.0.1:5000/charts":   "no login is sent in plain HTTP: give 10.0.0.1:5000 TLS",
		"oci://registry.example.org/charts": "helm registry login registry.example.org",
		"oci://other.example.org/charts":    "helm registry login other.example.org",
	} {
		denied := (*bundles.DeniedError)(nil)
		require.ErrorAs(t, chartFrom(t, network, repository), &denied, repository)
		require.Contains(t, denied.Hint(), hint)
	}
	require.Empty(t, network.logins["http://10.0.0.1:5000"])
}
