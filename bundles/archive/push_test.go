// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// startUpstream is a registry in memory that wants that login; empty: none. It is go-containerregistry's own, for tests.
func startUpstream(t *testing.T, login string) *httptest.Server {
	t.Helper()

	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if login != "" && user+":"+password != login {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)

			return
		}

		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)

	return server
}

func TestAPushedImageIsThereByDigestAndByTag(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())

	made := buildController(t, standIn{}, "amd64", "arm64")
	host := strings.TrimPrefix(startUpstream(t, "").URL, "http://")

	for to, tag := range map[string]string{"/team/controller": ":v1.2.3", "/team/controller:latest": ":latest"} {
		reference, err := made.Push(t.Context(), host+to, PushOptions{})
		require.NoError(t, err)
		require.Equal(t, host+"/team/controller@"+made.Digest.String(), reference)

		for _, pulled := range []string{reference, host + "/team/controller" + tag} {
			parsed, err := name.ParseReference(pulled)
			require.NoError(t, err)
			index, err := remote.Index(parsed)
			require.NoError(t, err, pulled)
			digest, err := index.Digest()
			require.NoError(t, err)
			require.Equal(t, made.Digest, digest)
			require.Equal(t, layerContents(t, made.Index), layerContents(t, index))
		}
	}
}

func TestPushLogsInAsDockersConfigSays(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)

	made := buildController(t, standIn{}, "amd64")
	host := strings.TrimPrefix(startUpstream(t, "me:secret").URL, "http://")

	_, err := made.Push(t.Context(), host+"/controller", PushOptions{})

	var refused *PushError

	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Hint(), "docker login")

	write(t, filepath.Join(dir, "config.json"),
		`{"auths":{"`+host+`":{"auth":"`+base64.StdEncoding.EncodeToString([]byte("me:secret"))+`"}}}`)
	_, err = made.Push(t.Context(), host+"/controller", PushOptions{Insecure: true})
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Hint(), "--insecure-login")
	_, err = made.Push(t.Context(), host+"/controller", PushOptions{InsecureLogin: true})
	require.NoError(t, err)
}

// go-containerregistry takes private addresses and names in .local for hosts without TLS.
func TestPushSpeaksPlainHTTPOnlyWhereItMay(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())

	made := buildController(t, standIn{}, "amd64")
	server := startUpstream(t, "")
	// Whatever host is asked for, it is the server.
	network := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}}

	for _, host := range []string{"10.1.2.3:5000", "registry.local", "registry.example.org"} {
		_, err := made.push(t.Context(), host+"/controller", PushOptions{}, network)

		var refused *PushError

		require.ErrorAs(t, err, &refused, host)
		require.Contains(t, refused.Hint(), "--insecure", host)

		reference, err := made.push(t.Context(), host+"/controller", PushOptions{Insecure: true}, network)
		require.NoError(t, err, host)
		require.Equal(t, host+"/controller@"+made.Digest.String(), reference)
	}
}

func TestPlacesForAnImageAreChecked(t *testing.T) {
	made := buildController(t, standIn{}, "amd64")

	network := &http.Transport{DialContext: func(_ context.Context, _, at string) (net.Conn, error) {
		t.Errorf("%s was asked", at)

		return nil, net.ErrClosed
	}}

	for _, to := range []string{
		"", "UPPER/case", "example.org/a@" + someDigest, "https://example.org/a",
		"nonsense", "nonsense:5000", "team/controller", "team/controller:v1", // which would be Docker Hub's
	} {
		_, err := made.push(t.Context(), to, PushOptions{}, network)

		var wrong *ReferenceError

		require.ErrorAs(t, err, &wrong, to)
		require.Contains(t, wrong.Hint(), "registry.example.org/", to)
	}

	for _, to := range []string{"localhost/a", "localhost:5000/a", "docker.io/me/a", "10.0.0.1:5000/a", "[::1]:5000/a", "registry:5000/a"} {
		_, err := made.destination(to)
		require.NoError(t, err, to)
	}
}

func TestLoopbackIsThisHostAlone(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "127.9.9.9": true, "[::1]:5000": true,
		"localhost.example.org:5000": false, "10.0.0.1:5000": false, "registry.local": false, "127.0.0.1.example.org": false,
	} {
		require.Equal(t, want, isLoopback(host), host)
	}
}
