// SPDX-License-Identifier: Apache-2.0

package httpboot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kernel is big enough not to fit into socket buffers.
var kernel = bytes.Repeat([]byte("kernel0123456789"), 1<<20)

func newServer(t testing.TB) (*Server, <-chan Fetch) {
	path := filepath.Join(t.TempDir(), "kernel-amd64")
	require.NoError(t, os.WriteFile(path, kernel, 0o600))
	fetches := make(chan Fetch, 4096)
	return New(Config{
		Files: map[string]string{"/assets/kernel": path, "/assets/gone": path + ".gone"},
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
	server, fetches := newServer(t)
	ctx, cancel := context.WithCancel(context.Background())
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
	url := "http://" + at + "/assets/kernel"
	client := netip.MustParseAddr("127.0.0.1")

	response, body := get(t, http.MethodGet, url)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, int64(len(kernel)), response.ContentLength)
	require.Equal(t, "application/octet-stream", response.Header.Get("Content-Type"))
	require.True(t, bytes.Equal(kernel, body))
	require.Equal(t, Fetch{Client: client, Route: "/assets/kernel", Whole: true}, <-fetches)

	response, body = get(t, http.MethodGet, url, "Range", "bytes=16-31")
	require.Equal(t, http.StatusPartialContent, response.StatusCode)
	require.Equal(t, string(kernel[16:32]), string(body))
	require.False(t, (<-fetches).Whole)

	response, _ = get(t, http.MethodHead, url)
	require.Equal(t, int64(len(kernel)), response.ContentLength)
	require.False(t, (<-fetches).Whole)
}

func TestBrokenDownloadIsNotWhole(t *testing.T) {
	at, fetches := serve(t)
	conn, err := net.Dial("tcp4", at)
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET /assets/kernel HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 1000))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.False(t, (<-fetches).Whole)
}

func TestStopsInTheMiddleOfADownload(t *testing.T) {
	server, _ := newServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	conn, err := net.Dial("tcp4", listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /assets/kernel HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 1000))
	require.NoError(t, err)
	cancel()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("Serve waits for a client that does not read")
	}
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
		"/", "/assets", "/assets/", "/assets/kernel/", "//assets/kernel", "/assets//kernel", "/assets/./kernel",
		"/assets/../assets/kernel", "/../../etc/passwd", "/assets/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
		"/assets/..%2f..%2fetc%2fpasswd", "/assets/kernel%00", "/boot.ipxe/", "//boot.ipxe", "/ASSETS/KERNEL", "/config",
	} {
		status := rawStatus(t, at, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.Contains(t, []string{"404", "400"}, status, "%s: no file, and no redirect to a tidier path", path)
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	at, _ := serve(t)
	for request, want := range map[string]string{
		"PUT /assets/kernel HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                               "405",
		"DELETE /boot.ipxe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                                "405",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nConnection: close\r\n\r\n123456789":       "413",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 20<<10) + "\r\n\r\n":           "431",
		"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n": "413",
		"garbage\r\n\r\n": "400",
	} {
		require.Equal(t, want, rawStatus(t, at, request), "%.60q", request)
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
	server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/assets/kernel", nil))
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
	response, body := get(t, http.MethodGet, "http://"+at+"/assets/gone")
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.Equal(t, "file is not there\n", string(body))
}

func rawStatus(t testing.TB, at, request string) string {
	conn, err := net.Dial("tcp4", at)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	answer := make([]byte, 12)
	_, err = io.ReadFull(conn, answer)
	require.NoError(t, err)
	return string(answer[9:])
}

func TestClientWithTooManyConnectionsIsCutOff(t *testing.T) {
	at, _ := serve(t)
	for range maxConnsPerClient {
		conn, err := net.Dial("tcp4", at)
		require.NoError(t, err)
		defer conn.Close()
	}
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp4", at)
		if err != nil {
			return true
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		_, err = io.ReadFull(conn, make([]byte, 1))
		return err != nil
	}, 10*time.Second, 10*time.Millisecond)

	// Others are served meanwhile.
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := dialer.Dial("tcp4", at)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 12))
	require.NoError(t, err)
}

func TestSlowHeadIsCutOff(t *testing.T) {
	at, _ := serve(t)
	conn, err := net.Dial("tcp4", at)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHo")
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(headTimeout+10*time.Second)))
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "the server closes the connection before we lose patience")
}

func FuzzRoutes(f *testing.F) {
	for _, seed := range []string{
		"/boot.ipxe?mac=52:54:00:77:00:01", "/boot.ipxe?mac=52-54-00-77-00-01&uuid=x&serial=y", "/assets/kernel",
		"/healthz", "//boot.ipxe", "/../x", "/%2e%2e/x", "/boot.ipxe?mac=%00", "/assets/kernel?range=1", "/boot.ipxe?;",
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
		known := map[string]bool{"/boot.ipxe": true, "/healthz": true, "/assets/kernel": true, "/assets/gone": true}
		if !known[request.URL.Path] {
			require.Equal(t, http.StatusNotFound, recorder.Code)
		}
		require.Empty(t, recorder.Header().Get("Location"), "no redirects")
	})
}
