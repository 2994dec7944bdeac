// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/tftp"
)

func TestTFTPClientsFetchAndCompareWholeFiles(t *testing.T) {
	file := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	server, err := tftp.New(tftp.Config{Files: map[string]tftp.File{"file": {Data: file}}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := tftp.Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	at := conn.Addr()
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	for _, window := range []int{1, 4} {
		load := tftpLoad{server: at, name: "file", want: file, clients: 5, window: window}
		r, err := load.run(t.Context())
		require.NoError(t, err)
		require.Zero(t, r.lost)
		require.InDelta(t, 5*0.32, r.work, 1e-9, "five clients, a file each")
		require.Positive(t, r.took)
	}
	spoiled := bytes.Clone(file)
	spoiled[200_000]++
	_, err = tftpLoad{server: at, name: "file", want: spoiled, clients: 1, window: 1}.run(t.Context())
	require.ErrorContains(t, err, "differs from the file")
	_, err = tftpLoad{server: at, name: "absent", want: file, clients: 1, window: 1}.run(t.Context())
	require.ErrorContains(t, err, "is not served here")
}

func TestHTTPClientsCountWholeFiles(t *testing.T) {
	size := 3 << 20
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, size)))
	}))
	defer server.Close()
	load := httpLoad{
		server: strings.TrimPrefix(server.URL, "http://"), route: "/x", size: int64(size), clients: 3, span: 200 * time.Millisecond,
	}
	r, err := load.run(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.work, float64(size)/1e6)
	load.size++
	_, err = load.run(t.Context())
	require.ErrorContains(t, err, "answers")
}
