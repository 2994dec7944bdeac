// SPDX-License-Identifier: Apache-2.0

package httpboot

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzRoutes(f *testing.F) {
	for _, seed := range []string{
		"/boot.ipxe?mac=52:54:00:77:00:01", "/boot.ipxe?mac=52-54-00-77-00-01&uuid=x&serial=y", "/kernel-amd64",
		"/healthz", "//boot.ipxe", "/../x", "/%2e%2e/x", "/boot.ipxe?mac=%00", "/kernel-amd64?range=1", "/52-54-00-77-00-01/uki.efi", "/52-54-00-77-00-01/../uki.efi", "/boot.ipxe?;",
	} {
		f.Add(seed, "bytes=0-15")
	}
	server, _ := newServer(f)
	server.config.Fetched = func(Fetch) {}
	f.Fuzz(func(t *testing.T, target, ranges string) {
		request, err := http.NewRequest(http.MethodHead, "http://10.77.0.2:8080"+target, nil)
		if err != nil || !strings.HasPrefix(target, "/") {
			t.Skip("net/http refuses it before us")
		}
		request.Header.Set("Range", ranges)
		request.RemoteAddr = "10.77.0.100:1234"
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, request)
		known := map[string]bool{"/boot.ipxe": true, "/healthz": true, "/metrics": true}
		if _, _, isFile := server.findFile(request); !isFile && !known[request.URL.Path] {
			require.Equal(t, http.StatusNotFound, recorder.Code)
		}
		require.Empty(t, recorder.Header().Get("Location"), "no redirects")
	})
}
