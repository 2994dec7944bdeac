// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
)

func TestTheRegistryServesUntilItIsInterrupted(t *testing.T) {
	for _, through := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		said, ended := make(chan string, 1), make(chan error, 1)
		options := RegistryOptions{Store: filepath.Join(t.TempDir(), "store"), Listen: "127.0.0.1:0", PullThrough: through}
		go func() { ended <- ServeRegistry(ctx, options, func(line string) { said <- line }) }()
		var line string
		select {
		case line = <-said:
		case err := <-ended:
			require.NoError(t, err, "it ended before it served")
		}
		at := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
		answer, err := http.Get("http://" + at + "/v2/nowhere.example.org/x/manifests/v1")
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusNotFound, answer.StatusCode)
		require.Contains(t, string(body), map[bool]string{false: "has no network", true: "not among the registries"}[through])
		cancel()
		require.NoError(t, <-ended)
	}
}

func TestARegistryWithoutASiteKnowsImagesThatPackagesAddForEachOther(t *testing.T) {
	catalog, err := bundles.Load(fstest.MapFS{
		"sets/b.yaml": {Data: []byte("name: b\ntitle: B\nplatform: generic\ncore: [other]\n" +
			"layers: [{name: all, packages: [{name: other}, {name: one}]}]\n")},
		"packages/other.yaml": {Data: []byte("name: other\ntitle: T\nnamespace: cozy-other\nchart: {embedded: other}\n")},
		"packages/one.yaml": {Data: []byte("name: one\ntitle: T\nnamespace: cozy-one\nchart: {embedded: one}\n" +
			"images: [one.example.org/a:v1]\nwith: {other: {images: [plugins.example.org/b:v1]}}\n")},
	})
	require.NoError(t, err)
	hosts, err := hostsOfCatalog(catalog)
	require.NoError(t, err)
	require.Contains(t, hosts, "one.example.org")
	require.Contains(t, hosts, "plugins.example.org")
}

func TestATakenPortOfTheRegistryIsSaid(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	options := RegistryOptions{Store: filepath.Join(t.TempDir(), "store"), Listen: taken.Addr().String()}
	err = ServeRegistry(t.Context(), options, func(string) { t.Error("said that it serves") })
	var listen *ListenError
	require.ErrorAs(t, err, &listen)
	require.Contains(t, listen.Hint(), "--listen")
}

func TestImagesArePulledThroughFromTheSitesMirrors(t *testing.T) {
	s := parseSite(t, "", "")
	s.Talos.Factory = "http://10.0.0.1:8080"
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("secret\n"), 0o600))
	s.Registries = site.Registries{
		Mirrors: map[string][]string{
			"docker.io":        {"https://harbor.example.org/v2/hub", "https://mirror.example.org"},
			"quay.io":          {"https://harbor.example.org/v2/quay"}, // has its images under other names
			"more.example.org": {"http://10.0.0.2:5000/v2/"},
			"*":                {"http://10.0.0.3:5000"},
		},
		Auth: map[string]site.RegistryAuth{
			"mirror.example.org": {Username: "puller", PasswordFile: password}, "ghcr.io": {Username: "me", PasswordFile: password},
		},
		Bastion: &site.BastionRegistry{Address: "192.168.1.10:5000"},
	}
	plan := &bundles.Plan{Packages: []bundles.Package{{Images: []string{"nginx", "quay.io/a/b:v1", "192.168.1.10:5000/cozy-controller:v1"}}}}
	got, _, err := upstreamsOf(s, plan)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"docker.io": "https://mirror.example.org", "quay.io": "", "ghcr.io": "", "registry.k8s.io": "",
		"more.example.org": "http://10.0.0.2:5000", "10.0.0.1:8080": "http://10.0.0.1:8080",
	}, got)

	logins, err := loginsOf(s, got)
	require.NoError(t, err)
	require.Equal(t, map[string]archive.Login{
		"docker.io": {Username: "puller", Password: "secret"}, "ghcr.io": {Username: "me", Password: "secret"},
	}, logins)

	require.NoError(t, os.Remove(password))
	_, err = loginsOf(s, got)
	var missing *SiteFileError
	require.ErrorAs(t, err, &missing)
}
