// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUpstreamsRefusalsAreTold(t *testing.T) {
	for _, tc := range []struct {
		name       string
		status     int
		wantStatus int
		want       string
	}{
		{"it has none", http.StatusNotFound, http.StatusNotFound, "quay.io does not have it"},
		{"it wants a login", http.StatusUnauthorized, http.StatusBadGateway, "quay.io does not have it, or wants a login: it answered 401"},
		{"it limits us", http.StatusTooManyRequests, http.StatusTooManyRequests, "quay.io limits how much it gives away"},
		{"it is broken", http.StatusInternalServerError, http.StatusBadGateway, "ask quay.io: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			other := newElsewhere(t)
			other.has(t, "team/tool:v1", twoPlatforms(t))
			other.set(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/v2/" {
					return false
				}
				w.Header().Set("Retry-After", "120")
				w.WriteHeader(tc.status)

				return true
			})

			host, store, _ := other.through(t)
			for _, path := range []string{"manifests/v1", "manifests/" + someDigest, "blobs/" + someDigest} {
				got := get(t, "http://"+host+"/v2/quay.io/team/tool/"+path, "")
				require.Equal(t, tc.wantStatus, got.StatusCode, path)
				require.Contains(t, string(got.body), "quay.io/team/tool")
				require.Contains(t, string(got.body), tc.want)

				if tc.wantStatus == http.StatusTooManyRequests {
					require.Equal(t, "120", got.Header.Get("Retry-After"))
				}
			}
			require.Empty(t, leftovers(t, store))

			if tc.wantStatus == http.StatusTooManyRequests {
				require.Equal(t, int64(2), other.total.Load(), "it is asked no more: for its API, and for one manifest")
			}
			// It gets better.
			other.set(nil)

			if tc.wantStatus != http.StatusTooManyRequests {
				require.NoError(t, pullAll(t, host+"/quay.io/team/tool:v1"))
			}
		})
	}
}

func TestOtherRegistriesAreNotAsked(t *testing.T) {
	other := newElsewhere(t)
	host, _, _ := other.through(t)
	got := get(t, "http://"+host+"/v2/"+HostFolder(other.host)+"/team/tool/manifests/v1", "")
	require.Equal(t, http.StatusNotFound, got.StatusCode)
	require.Contains(t, string(got.body), other.host+" is not among the registries that are pulled through")
	require.Zero(t, other.total.Load())

	got = get(t, "http://"+host+"/v2/charts/cilium/manifests/1.2.3", "")
	require.Equal(t, http.StatusNotFound, got.StatusCode)
	require.Contains(t, string(got.body), "charts/cilium:1.2.3: it is not in the bastion's registry")
}

func TestAFullDiskIsToldAndLeftAlone(t *testing.T) {
	other := newElsewhere(t)
	other.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/") {
			w.Header().Set("Content-Length", "1125899906842624")

			return true
		}

		return false
	})

	host, store, _ := other.through(t)
	got := get(t, "http://"+host+"/v2/quay.io/team/tool/blobs/"+someDigest, "")
	require.Equal(t, http.StatusInsufficientStorage, got.StatusCode)
	require.Contains(t, string(got.body), "MiB are needed: no space left on device")
	require.Empty(t, leftovers(t, store))
}

func TestALoginIsPresentedToItsRegistryOnly(t *testing.T) {
	open, closed := newElsewhere(t), newElsewhere(t)
	index := twoPlatforms(t)
	open.has(t, "team/tool:v1", index)
	closed.has(t, "team/tool:v1", index)
	closed.has(t, "team/secret:v1", index)

	var leaked atomic.Bool

	open.set(func(_ http.ResponseWriter, r *http.Request) bool {
		leaked.Store(leaked.Load() || r.Header.Get("Authorization") != "")

		return false
	})
	closed.set(func(w http.ResponseWriter, r *http.Request) bool {
		if user, password, _ := r.BasicAuth(); user == "puller" && password == "secret" {
			return false
		}
		w.Header().Set("Www-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)

		return true
	})

	registries := map[string]string{"quay.io": "http://" + open.host, "ghcr.io": "http://" + closed.host}
	options := UpstreamOptions{
		Registries: registries, Logins: map[string]Login{"ghcr.io": {"puller", "secret"}}, Images: []string{"ghcr.io/team/tool:v9"},
	}
	var log bytes.Buffer

	options.Log = slog.New(slog.NewTextHandler(&log, nil))
	unsent, err := NewUpstream(options)
	require.NoError(t, err, "the others are served all the same")
	t.Cleanup(unsent.Close)
	require.Contains(t, log.String(), "--insecure-login="+closed.host)
	log.Reset()

	without := httptest.NewServer(NewRegistry(t.Context(), newStore(t), unsent, options.Log))
	t.Cleanup(without.Close)
	require.NoError(t, pullAll(t, strings.TrimPrefix(without.URL, "http://")+"/quay.io/team/tool:v1"))
	require.Equal(t, http.StatusBadGateway, get(t, without.URL+"/v2/ghcr.io/team/tool/manifests/v1", "").StatusCode)
	require.Contains(t, log.String(), "--insecure-login="+closed.host)
	log.Reset()

	options.Allow.PlainLogin = []string{closed.host}
	upstream, err := NewUpstream(options)
	require.NoError(t, err)
	t.Cleanup(upstream.Close)

	server := httptest.NewServer(NewRegistry(t.Context(), newStore(t), upstream, options.Log))
	t.Cleanup(server.Close)

	host := strings.TrimPrefix(server.URL, "http://")
	require.NoError(t, pullAll(t, host+"/quay.io/team/tool:v1"))
	require.NoError(t, pullAll(t, host+"/ghcr.io/team/tool:v1"))
	require.False(t, leaked.Load())

	// Whoever reaches the port gets nothing else with it.
	got := get(t, "http://"+host+"/v2/ghcr.io/team/secret/manifests/v1", "")
	require.Equal(t, http.StatusBadGateway, got.StatusCode)
	require.Contains(t, string(got.body), "wants a login")
	require.Contains(t, log.String(), "give bundle serve --image ghcr.io/team/secret")
}

func TestMirrorsOfAnUpstreamAreURLsWithoutAPath(t *testing.T) {
	_, err := NewUpstream(UpstreamOptions{Registries: map[string]string{
		"quay.io": "mirror.example.org", "ghcr.io": "https://mirror.example.org/v2/x", "a b": "",
	}})
	require.ErrorContains(t, err, `registry "quay.io": mirror "mirror.example.org": not an http(s) URL without a path`)
	require.ErrorContains(t, err, `registry "ghcr.io": mirror "https://mirror.example.org/v2/x"`)
	require.ErrorContains(t, err, `registry "a b"`)
}
