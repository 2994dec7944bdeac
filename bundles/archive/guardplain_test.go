// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlainHTTPToOtherHostsIsForThoseThatTheOperatorNamed(t *testing.T) {
	const registry = "registry.example.org"
	for name, test := range map[string]struct {
		login  Login
		allow  Exceptions
		hint   string // of the error; empty: none
		wanted bool   // the token service is sent the login
	}{
		"nobody said so":            {Login{}, Exceptions{}, "--insecure=auth.example.org", false},
		"named":                     {Login{}, Exceptions{PlainHTTP: []string{"auth.example.org"}}, "", false},
		"named, not for a login":    {Login{"puller", "secret"}, Exceptions{PlainHTTP: []string{"auth.example.org"}, PlainLogin: []string{registry}}, "--insecure-login=auth.example.org", false},
		"named for a login as well": {Login{"puller", "secret"}, Exceptions{PlainLogin: []string{"auth.example.org", registry}}, "", true},
	} {
		network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
			"http://" + registry: registryThat(
				replied(http.StatusUnauthorized, "", "WWW-Authenticate", `Bearer realm="http://auth.example.org/token",service="x"`), replied(http.StatusOK, "{}")),
			"http://auth.example.org": replied(http.StatusOK, `{"token":"t"}`),
		}}
		err := asked(t, network, "http://"+registry, test.login, test.allow)
		_, sent := network.logins["http://auth.example.org"]
		require.Equal(t, test.wanted, sent, name)
		if test.hint == "" {
			require.NoError(t, err, name)
			continue
		}
		hinting := interface{ Hint() string }(nil)
		require.ErrorAs(t, err, &hinting, name)
		require.Contains(t, hinting.Hint(), test.hint, name)
	}
}

func TestARedirectToPlainHTTPIsFollowedWhereTheOperatorNamedIt(t *testing.T) {
	network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
		"https://registry.example.org": registryThat(replied(http.StatusOK, ""), replied(http.StatusTemporaryRedirect, "", "Location", "http://minio.internal:9000/blob")),
		"http://minio.internal:9000":   replied(http.StatusOK, "{}"),
	}}
	err := asked(t, network, "https://registry.example.org", Login{}, Exceptions{PlainHTTP: []string{"minio.internal:9000"}})
	var astray *AstrayError
	require.ErrorAs(t, err, &astray, "it is on a private network")
	require.NoError(t, asked(t, network, "https://registry.example.org", Login{},
		Exceptions{PlainHTTP: []string{"minio.internal:9000"}, Follow: []string{"minio.internal:9000"}}))
}

// go-containerregistry asks names that look public by HTTPS alone.
func TestARegistryWithAPublicNameIsSpokenToInPlainHTTPWhereTheOperatorSaidSo(t *testing.T) {
	for name, test := range map[string]struct {
		login Login
		allow Exceptions
		isOK  bool
	}{
		"nobody said so":           {Login{}, Exceptions{}, false},
		"--insecure":               {Login{}, Exceptions{PlainHTTP: []string{"quay.io"}}, true},
		"--insecure, with a login": {Login{"puller", "secret"}, Exceptions{PlainHTTP: []string{"quay.io"}}, false},
		"--insecure-login":         {Login{"puller", "secret"}, Exceptions{PlainLogin: []string{"quay.io"}}, true},
	} {
		network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
			"http://quay.io": registryThat(replied(http.StatusUnauthorized, "", "WWW-Authenticate", `Basic realm="x"`), replied(http.StatusOK, "{}")),
		}}
		err := asked(t, network, "", test.login, test.allow)
		require.Equal(t, test.isOK, err == nil, "%s: %v", name, err)
		require.Equal(t, test.isOK && test.login != Login{}, len(network.logins) > 0, name)
	}
}

func TestPushToARegistryWithATokenServiceElsewhere(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	write(t, filepath.Join(dir, "config.json"),
		`{"auths":{"registry.example.org":{"auth":"`+base64.StdEncoding.EncodeToString([]byte("me:secret"))+`"}}}`)
	made := buildController(t, standIn{}, "amd64")
	network := &anywhere{answers: map[string]func(*http.Request) *http.Response{
		"https://registry.example.org": registryThat(
			replied(http.StatusUnauthorized, "", "WWW-Authenticate", `Bearer realm="https://auth.internal/token",service="x"`), replied(http.StatusForbidden, "")),
		"https://auth.internal": replied(http.StatusOK, `{"token":"t"}`),
	}}
	_, err := made.push(t.Context(), "registry.example.org/controller", PushOptions{}, network)
	var refused *PushError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Hint(), "--follow=auth.internal")
	require.NotContains(t, network.logins, "https://auth.internal")

	_, err = made.push(t.Context(), "registry.example.org/controller", PushOptions{Follow: []string{"auth.internal"}}, network)
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Hint(), "docker login", "it is logged in, and may not push")
	require.Contains(t, network.logins, "https://auth.internal")
	require.Equal(t, "Bearer t", network.logins["https://registry.example.org"])
}
