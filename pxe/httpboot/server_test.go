// SPDX-License-Identifier: Apache-2.0

package httpboot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// kernel is big enough not to fit into socket buffers.
var kernel = bytes.Repeat([]byte("kernel0123456789"), 1<<20)

func newServer(t testing.TB) (*Server, <-chan Fetch) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kernel-on-disk"), kernel, 0o600))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	fetches := make(chan Fetch, 4096)
	return New(Config{
		Files: map[string]File{
			"kernel-amd64": {Root: root, Name: "kernel-on-disk"}, "gone": {Root: root, Name: "gone"},
			"escape": {Root: root, Name: "link"}, "uki.efi": {Data: []byte("MZ..."), Type: "application/efi"},
		},
		Admit: func(r FileRequest) error {
			if r.Name == "uki.efi" && r.MAC != nil && r.MAC[5] == 0xee {
				return ErrNotServed
			}
			return nil
		},
		Script: func(r ScriptRequest) ([]byte, error) {
			switch r.MAC[5] {
			case 0xee:
				return nil, ErrNotServed
			case 0xff:
				return nil, errors.New("a path /srv/secret in an error")
			}
			return []byte("#!ipxe\n# " + strings.Join([]string{r.MAC.String(), r.UUID, r.Serial}, "|") + "\n"), nil
		},
		Fetched: func(f Fetch) { fetches <- f },
		Log:     slog.New(slog.DiscardHandler),
	}), fetches
}

// serve runs a server on a free loopback port until the test ends.
func serve(t testing.TB) (string, <-chan Fetch) {
	t.Helper()
	server, fetches := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return listener.Addr().String(), fetches
}

func get(t testing.TB, method, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, body
}

func TestServesFilesWholeAndInRanges(t *testing.T) {
	at, fetches := serve(t)
	url := "http://" + at + "/kernel-amd64"
	client := netip.MustParseAddr("127.0.0.1")

	response, body := get(t, http.MethodGet, url)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, int64(len(kernel)), response.ContentLength)
	require.Equal(t, "application/octet-stream", response.Header.Get("Content-Type"))
	require.True(t, bytes.Equal(kernel, body))
	require.Equal(t, Fetch{FileRequest: FileRequest{Client: client, Name: "kernel-amd64"}, Sent: int64(len(kernel)), Whole: true}, <-fetches)

	response, body = get(t, http.MethodGet, url, "Range", "bytes=16-31")
	require.Equal(t, http.StatusPartialContent, response.StatusCode)
	require.Equal(t, string(kernel[16:32]), string(body))
	require.False(t, (<-fetches).Whole)

	response, _ = get(t, http.MethodHead, url)
	require.Equal(t, int64(len(kernel)), response.ContentLength)
	require.False(t, (<-fetches).Whole)
}

func TestScripts(t *testing.T) {
	at, _ := serve(t)
	for query, want := range map[string]struct {
		status int
		body   string
	}{
		"mac=52:54:00:77:00:01":                                 {200, "#!ipxe\n# 52:54:00:77:00:01||\n"},
		"mac=52-54-00-77-00-01&uuid=u&serial=A%20B":             {200, "#!ipxe\n# 52:54:00:77:00:01|u|A B\n"},
		"mac=52:54:00:77:00:01&serial=x%0ay":                    {200, "#!ipxe\n# 52:54:00:77:00:01||\n"},
		"mac=52:54:00:77:00:01&uuid=" + strings.Repeat("u", 65): {200, "#!ipxe\n# 52:54:00:77:00:01||\n"},
		"mac=52:54:00:77:00:ee":                                 {404, "404 page not found\n"},
		"mac=52:54:00:77:00:ff":                                 {500, "no script\n"},
		"":                                                      {400, "mac=\"\": want a hardware address of six bytes\n"},
		"mac=52:54:00:77:00:01:02:03":                           {400, "mac=\"52:54:00:77:00:01:02:03\": want a hardware address of six bytes\n"},
		"mac=%zz":                                               {400, "query can't be read\n"},
	} {
		response, body := get(t, http.MethodGet, "http://"+at+"/boot.ipxe?"+query)
		require.Equal(t, want.status, response.StatusCode, query)
		require.Equal(t, want.body, string(body), query)
	}
}

func TestOnlyFixedRoutesExist(t *testing.T) {
	at, _ := serve(t)
	_, body := get(t, http.MethodGet, "http://"+at+"/healthz")
	require.Equal(t, "ok\n", string(body))
	for _, path := range []string{
		"/", "/assets", "/assets/", "/assets/kernel/", "//kernel-amd64", "/assets//kernel", "/assets/./kernel",
		"/assets/../kernel-amd64", "/../../etc/passwd", "/assets/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
		"/assets/..%2f..%2fetc%2fpasswd", "/assets/kernel%00", "/boot.ipxe/", "//boot.ipxe", "/ASSETS/KERNEL", "/config",
	} {
		status := rawStatus(t, at, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.Contains(t, []string{"404", "400"}, status, "%s: no file, and no redirect to a tidier path", path)
	}
}

// fileTaker is a ResponseWriter like net/http's own, which hands files to sendfile.
type fileTaker struct {
	*httptest.ResponseRecorder
	source io.Reader
}

func (f *fileTaker) ReadFrom(r io.Reader) (int64, error) {
	f.source = r
	return io.Copy(f.ResponseRecorder, r)
}

func TestFilesAreGivenToTheConnectionAsFiles(t *testing.T) {
	server, _ := newServer(t)
	w := &fileTaker{ResponseRecorder: httptest.NewRecorder()}
	server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/kernel-amd64", nil))
	require.IsType(t, &io.LimitedReader{}, w.source)
	require.IsType(t, &os.File{}, w.source.(*io.LimitedReader).R, "anything else is copied through this process")
}

// UEFI HTTP clients name another host than they reach, and a slow script must not depend on it.
func TestHostHeaderIsNotLookedAt(t *testing.T) {
	at, _ := serve(t)
	require.Equal(t, "200", rawStatus(t, at, "GET /healthz HTTP/1.1\r\nHost: 10.77.0.2\r\nConnection: close\r\n\r\n"))
	require.Equal(t, "200", rawStatus(t, at, "GET /healthz HTTP/1.0\r\n\r\n"))
}

func TestMissingFileDoesNotTellItsPath(t *testing.T) {
	at, _ := serve(t)
	response, body := get(t, http.MethodGet, "http://"+at+"/gone")
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.Equal(t, "file is not there\n", string(body))
}

func TestLinksOutOfTheDirectoryAreNotFollowed(t *testing.T) {
	at, _ := serve(t)
	response, body := get(t, http.MethodGet, "http://"+at+"/escape")
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.NotContains(t, string(body), "root:")
}

func TestRequestsNameTheirMachine(t *testing.T) {
	at, fetches := serve(t)
	response, body := get(t, http.MethodGet, "http://"+at+"/52-54-00-77-00-01/uki.efi")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "application/efi", response.Header.Get("Content-Type"))
	require.Equal(t, "MZ...", string(body))
	require.Equal(t, "52:54:00:77:00:01", (<-fetches).MAC.String())

	response, _ = get(t, http.MethodHead, "http://"+at+"/52-54-00-77-00-01/uki.efi")
	require.Equal(t, int64(5), response.ContentLength)
	require.True(t, (<-fetches).Head)
}

func TestMachineThatIsNotAdmittedHearsThatTheFileIsNotThere(t *testing.T) {
	at, _ := serve(t)
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		response, _ := get(t, method, "http://"+at+"/52-54-00-77-00-ee/uki.efi")
		require.Equal(t, http.StatusNotFound, response.StatusCode)
	}
}
