// SPDX-License-Identifier: Apache-2.0

package httpboot

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBrokenDownloadIsNotWhole(t *testing.T) {
	at, fetches := serve(t)
	conn, err := net.Dial("tcp4", at)
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET /kernel-amd64 HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 1000))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.False(t, (<-fetches).Whole)
}

func TestStopsInTheMiddleOfADownload(t *testing.T) {
	server, _ := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	conn, err := net.Dial("tcp4", listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /kernel-amd64 HTTP/1.1\r\nHost: x\r\n\r\n")
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

func TestOnlyReadingIsAllowed(t *testing.T) {
	at, _ := serve(t)
	for request, want := range map[string]string{
		"PUT /kernel-amd64 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                                "405",
		"DELETE /boot.ipxe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                                "405",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nConnection: close\r\n\r\n123456789":       "413",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 20<<10) + "\r\n\r\n":           "431",
		"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n": "413",
		"garbage\r\n\r\n": "400",
	} {
		require.Equal(t, want, rawStatus(t, at, request), "%.60q", request)
	}
}

func rawStatus(t testing.TB, at, request string) string {
	t.Helper()
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
