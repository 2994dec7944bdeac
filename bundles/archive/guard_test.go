// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// anywhere answers for every host, without a network, and keeps what it was asked.
type anywhere struct {
	answers map[string]func(*http.Request) *http.Response // by scheme://host
	asked   []string
	logins  map[string]string // scheme://host -> Authorization
}

func (a *anywhere) RoundTrip(r *http.Request) (*http.Response, error) {
	at := r.URL.Scheme + "://" + r.URL.Host
	a.asked = append(a.asked, r.Method+" "+r.URL.String())
	if a.logins == nil {
		a.logins = map[string]string{}
	}
	if login := r.Header.Get("Authorization"); login != "" {
		a.logins[at] = login
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	answer, ok := a.answers[at]
	if !ok {
		return nil, errors.New("no route to " + at)
	}
	out := answer(r)
	out.Request = r
	return out, nil
}

func replied(status int, body string, header ...string) func(*http.Request) *http.Response {
	return func(*http.Request) *http.Response {
		out := httptest.NewRecorder()
		for i := 0; i < len(header); i += 2 {
			out.Header().Set(header[i], header[i+1])
		}
		out.WriteHeader(status)
		_, _ = out.WriteString(body)
		return out.Result()
	}
}

// registryThat answers its root with one thing, and everything else with another.
func registryThat(root, rest func(*http.Request) *http.Response) func(*http.Request) *http.Response {
	return func(r *http.Request) *http.Response {
		if r.URL.Path == "/v2/" {
			return root(r)
		}
		return rest(r)
	}
}

// asked pulls a manifest of quay.io through, whose place is that mirror.
func asked(t *testing.T, network *anywhere, mirror string, login Login, allow Exceptions) error {
	t.Helper()
	upstream, err := NewUpstream(UpstreamOptions{
		Registries: map[string]string{"quay.io": mirror}, Logins: map[string]Login{"quay.io": login},
		Images: []string{"quay.io/team/tool"}, Allow: allow, Transport: network,
	})
	require.NoError(t, err)
	t.Cleanup(upstream.Close)
	_, err = upstream.getManifest(t.Context(), Image{Host: "quay.io", Path: "team/tool", Tag: "v1"})
	return err
}

// go-containerregistry takes private addresses and names in .local for hosts without TLS.
func TestNoLoginLeavesInPlainHTTP(t *testing.T) {
	manifest := replied(http.StatusOK, `{"schemaVersion":2}`)
	for _, host := range []string{"10.1.2.3:5000", "192.168.1.1", "registry.local", "localhost:5000", "127.0.0.1:5000"} {
		network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
			"http://" + host: registryThat(replied(http.StatusUnauthorized, "", "WWW-Authenticate", `Basic realm="x"`), manifest),
		}}
		err := asked(t, network, "https://"+host, Login{"puller", "secret"}, Exceptions{})
		require.Error(t, err, host)
		require.Empty(t, network.logins, host)
		for _, one := range network.asked {
			require.Contains(t, one, "https://", host)
		}
		if host != "registry.local" { // of which it tries HTTPS alone
			hinting := interface{ Hint() string }(nil)
			require.ErrorAs(t, err, &hinting, host)
			require.Contains(t, hinting.Hint(), "--insecure", host)
		}

		network.asked = nil
		require.NoError(t, asked(t, network, "http://"+host, Login{"puller", "secret"}, Exceptions{PlainLogin: []string{host}}))
		require.NotEmpty(t, network.logins, "the operator said so")
	}
}

func TestATokenServiceGetsNoLoginOfSomebodyElse(t *testing.T) {
	for name, test := range map[string]struct {
		realm  string
		login  Login
		allow  Exceptions
		want   string // of the error; empty: none
		wanted bool   // the service is sent the login
	}{
		"of the registry's domain":              {"https://auth.example.org/token", Login{"puller", "secret"}, Exceptions{}, "", true},
		"of another domain":                     {"https://auth.evil.net/token", Login{"puller", "secret"}, Exceptions{}, "https://auth.evil.net leads", false},
		"of another domain, said":               {"https://auth.evil.net/token", Login{"puller", "secret"}, Exceptions{Follow: []string{"auth.evil.net"}}, "", true},
		"of another domain, for nobody":         {"https://auth.evil.net/token", Login{}, Exceptions{}, "", false},
		"of a private address":                  {"https://10.0.0.1/token", Login{}, Exceptions{}, "private", false},
		"of a private name":                     {"https://metadata.google.internal/token", Login{}, Exceptions{}, "on a private network", false},
		"of an IPv4 address in an IPv6 one":     {"https://[::ffff:169.254.169.254]/token", Login{}, Exceptions{}, "private", false},
		"without TLS":                           {"http://auth.example.org/token", Login{"puller", "secret"}, Exceptions{}, "http", false},
		"of a public suffix that is not theirs": {"https://org/token", Login{"puller", "secret"}, Exceptions{}, "org", false},
	} {
		realm, err := url.Parse(test.realm)
		require.NoError(t, err)
		at := realm.Scheme + "://" + realm.Host
		network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
			"https://registry.example.org": registryThat(
				replied(http.StatusUnauthorized, "", "WWW-Authenticate", `Bearer realm="`+test.realm+`",service="x"`), replied(http.StatusOK, "{}")),
			at: replied(http.StatusOK, `{"token":"t"}`),
		}}
		err = asked(t, network, "https://registry.example.org", test.login, test.allow)
		_, sent := network.logins[at]
		require.Equal(t, test.wanted, sent, name)
		if test.want == "" {
			require.NoError(t, err, name)
		} else {
			require.Error(t, err, name)
		}
	}
}

func TestRedirectsLeadToPublicHostsOnly(t *testing.T) {
	for to, want := range map[string]string{
		"https://cdn.example.net/blob":         "",
		"http://cdn.example.net/blob":          "plain HTTP to cdn.example.net, where registry.example.org leads, is not allowed",
		"http://registry.example.org/x":        "it leads elsewhere too often", // the client makes it HTTPS again
		"https://169.254.169.254/latest":       "169.254.169.254",
		"https://[fd00:ec2::254]/latest":       "fd00:ec2::254",
		"https://metadata.google.internal/":    "metadata.google.internal, which is on a private network: not followed",
		"https://localhost:6443/api":           "localhost:6443, which is on a private network: not followed",
		"https://registry.example.org/v2/loop": "it leads elsewhere too often",
	} {
		network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
			"https://registry.example.org": registryThat(
				replied(http.StatusUnauthorized, "", "WWW-Authenticate", `Basic realm="x"`), replied(http.StatusTemporaryRedirect, "", "Location", to)),
			"http://registry.example.org": replied(http.StatusOK, "{}"),
			"https://cdn.example.net":     replied(http.StatusOK, "{}"),
			"http://cdn.example.net":      replied(http.StatusOK, "{}"),
		}}
		err := asked(t, network, "https://registry.example.org", Login{"puller", "secret"}, Exceptions{})
		require.NotContains(t, network.logins, "https://cdn.example.net")
		require.NotContains(t, network.logins, "http://registry.example.org")
		require.Less(t, len(network.asked), 10, to)
		if want == "" {
			require.NoError(t, err, to)
		} else {
			require.ErrorContains(t, err, want, to)
		}
	}
}

func TestANameThatLeadsIntoAPrivateNetworkIsNotDialled(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for _, named := range []hosts{nil, hostsOf(host)} {
		network := newNetwork(named)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		answer, err := network.RoundTrip(request)
		if named == nil {
			var astray *AstrayError
			require.ErrorAs(t, err, &astray)
			require.Contains(t, astray.Hint(), "--follow="+host)
			require.False(t, reached)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.True(t, reached)
		network.CloseIdleConnections()
	}
}

func TestPrivateHostsAreKnown(t *testing.T) {
	for host, want := range map[string]bool{
		"10.0.0.1": true, "172.31.255.255": true, "192.168.0.1": true, "100.64.0.1": true, "169.254.169.254": true, "127.0.0.1": true,
		"0.0.0.0": true, "::1": true, "::": true, "fe80::1": true, "fd00::1": true, "::ffff:10.0.0.1": true, "64:ff9b::a00:1": true,
		"ff02::1": true, "224.0.0.1": true, "localhost": true, "a.localhost": true, "registry.local": true, "metadata.google.internal.": true,
		"8.8.8.8": false, "2606:4700::1": false, "64:ff9b::808:808": false, "quay.io": false, "local.example.org": false,
	} {
		require.Equal(t, want, isPrivateHost(host), host)
	}
}

func TestLongAnswersAreCut(t *testing.T) {
	network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
		"https://registry.example.org": registryThat(replied(http.StatusOK, ""), func(r *http.Request) *http.Response {
			out := replied(http.StatusOK, "")(r)
			out.Body = io.NopCloser(io.LimitReader(endless{}, 1<<30))
			return out
		}),
	}}
	err := asked(t, network, "https://registry.example.org", Login{}, Exceptions{})
	require.ErrorIs(t, err, errTooLong)

	whole, err := io.ReadAll(&bounded{ReadCloser: io.NopCloser(strings.NewReader("12345")), left: 5})
	require.NoError(t, err)
	require.Equal(t, "12345", string(whole))
	cut, err := io.ReadAll(&bounded{ReadCloser: io.NopCloser(strings.NewReader("123456")), left: 5})
	require.ErrorIs(t, err, errTooLong)
	require.Equal(t, "12345", string(cut))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{' '}, len(p))), nil }
