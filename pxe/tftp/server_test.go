// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"

	pin "github.com/pin/tftp/v3"
	"github.com/stretchr/testify/require"
)

// serve runs a server on a free loopback port until the test ends. Each finished request comes over the channel.
func serve(t testing.TB, files map[string][]byte) (netip.AddrPort, <-chan Transfer) {
	t.Helper()
	finished := make(chan Transfer, 4096) // nobody reads it in the flood test
	server, err := New(Config{Files: inMemory(files), Finished: func(transfer Transfer) { finished <- transfer }})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return conn.Addr(), finished
}

func inMemory(files map[string][]byte) map[string]File {
	served := map[string]File{}
	for name, data := range files {
		served[name] = File{Data: data}
	}
	return served
}

func fetch(t testing.TB, at netip.AddrPort, name string, blockSize int) ([]byte, int64, error) {
	t.Helper()
	client, err := pin.NewClient(at.String())
	require.NoError(t, err)
	client.SetBlockSize(blockSize)
	client.RequestTSize(true)
	transfer, err := client.Receive(name, "octet")
	if err != nil {
		return nil, 0, err
	}
	var size int64
	if incoming, ok := transfer.(pin.IncomingTransfer); ok {
		size, _ = incoming.Size()
	}
	var got bytes.Buffer
	_, err = transfer.WriteTo(&got)
	return got.Bytes(), size, err
}

func pattern(size int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), size/16) }

func TestServesWholeFiles(t *testing.T) {
	files := map[string][]byte{"undionly.kpxe": pattern(74224), "snponly.efi": pattern(1428 * 16), "empty": {}}
	at, finished := serve(t, files)
	for name, want := range files {
		for _, blockSize := range []int{512, 1428, 1468} {
			got, size, err := fetch(t, at, name, blockSize)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "%s with blocks of %d: %d bytes", name, blockSize, len(got))
			if len(want) > 0 { // the library can't tell "0" from a question
				require.Equal(t, int64(len(want)), size, name)
			}
			transfer := <-finished
			require.Equal(t, Request{Client: netip.MustParseAddr("127.0.0.1"), Name: name}, transfer.Request)
			require.NoError(t, transfer.Err)
			require.Equal(t, int64(len(want)), transfer.Size)
			require.Equal(t, int64(len(want)), transfer.Sent)
			require.Equal(t, min(blockSize, 1428), transfer.BlockSize)
			require.Positive(t, transfer.Took)
		}
	}
}

func TestNamesAsFirmwareWritesThem(t *testing.T) {
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": pattern(1600)})
	for _, name := range []string{"/undionly.kpxe", `\undionly.kpxe`, "UNDIONLY.KPXE", "//undionly.kpxe", "undionly.kpxe\xff"} {
		got, _, err := fetch(t, at, name, 1428)
		require.NoError(t, err, "%q", name)
		require.Len(t, got, 1600)
	}
}

func TestOnlyTheSetExists(t *testing.T) {
	at, finished := serve(t, map[string][]byte{"undionly.kpxe": pattern(1600)})
	for _, name := range []string{
		"", "/", ".", "..", "autoexec.ipxe", "../undionly.kpxe", "/etc/passwd", "../../../../etc/passwd",
		`..\..\etc\passwd`, "server.go", "./server.go", "x/../undionly.kpxe", "undionly.kpxe/", "undionly.kpxe/..",
		"/proc/self/environ", strings.Repeat("a/", 200),
	} {
		_, _, err := fetch(t, at, name, 1428)
		require.ErrorContains(t, err, "is not served here", "%q", name)
		transfer := <-finished
		var absent *NotFoundError
		require.ErrorAs(t, transfer.Err, &absent)
		require.False(t, transfer.Probe)
	}
}

func TestWritingIsRefused(t *testing.T) {
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": pattern(1600)})
	client, err := pin.NewClient(at.String())
	require.NoError(t, err)
	_, err = client.Send("undionly.kpxe", "octet")
	require.ErrorContains(t, err, errWrite.Error())
}

func TestHalfOpenTransfersDoNotStopARealOne(t *testing.T) {
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": pattern(74224)})
	flood := newRawClient(t)
	for range 1000 {
		flood.send(at, 1, "undionly.kpxe\x00octet\x00blksize\x001428\x00")
	}
	client, err := pin.NewClient(at.String())
	require.NoError(t, err)
	require.NoError(t, client.SetLocalAddr("127.0.0.2"))
	transfer, err := client.Receive("undionly.kpxe", "octet")
	require.NoError(t, err)
	var got bytes.Buffer
	_, err = transfer.WriteTo(&got)
	require.NoError(t, err)
	require.Equal(t, 74224, got.Len())
}
