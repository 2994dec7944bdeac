// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"bytes"
	"context"
	"io"
	"net"
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
	server := New(files, func(transfer Transfer) { finished <- transfer })
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort(), finished
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

func content(size int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), size/16) }

func TestServesWholeFiles(t *testing.T) {
	files := map[string][]byte{"undionly.kpxe": content(74224), "snponly.efi": content(1428 * 16), "empty": {}}
	at, finished := serve(t, files)
	for name, want := range files {
		for _, blockSize := range []int{512, 1428, 1468} {
			got, size, err := fetch(t, at, name, blockSize)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "%s with blocks of %d: %d bytes", name, blockSize, len(got))
			if len(want) > 0 { // the library can't tell "0" from a question
				require.Equal(t, int64(len(want)), size, name)
			}
			require.Equal(t, Transfer{Client: netip.MustParseAddr("127.0.0.1"), Name: name, Sent: int64(len(want))}, <-finished)
		}
	}
}

func TestNamesAsFirmwareWritesThem(t *testing.T) {
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": content(1600)})
	for _, name := range []string{"/undionly.kpxe", `\undionly.kpxe`, "UNDIONLY.KPXE", "//undionly.kpxe", "undionly.kpxe\xff"} {
		got, _, err := fetch(t, at, name, 1428)
		require.NoError(t, err, "%q", name)
		require.Len(t, got, 1600)
	}
}

func TestOnlyTheSetExists(t *testing.T) {
	at, finished := serve(t, map[string][]byte{"undionly.kpxe": content(1600)})
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
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": content(1600)})
	client, err := pin.NewClient(at.String())
	require.NoError(t, err)
	_, err = client.Send("undionly.kpxe", "octet")
	require.ErrorContains(t, err, "does not support write requests")
}

func TestHalfOpenTransfersDoNotStopARealOne(t *testing.T) {
	at, _ := serve(t, map[string][]byte{"undionly.kpxe": content(74224)})
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

func TestSlotsAreLimitedInTotalAndByClient(t *testing.T) {
	a, b, c := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	s := newSlots(3, 2)
	require.True(t, s.take(a))
	require.True(t, s.take(a))
	require.False(t, s.take(a), "one client's share")
	require.True(t, s.take(b))
	require.False(t, s.take(c), "the total")
	s.give(a)
	require.True(t, s.take(c))
	s.give(a)
	s.give(b)
	s.give(c)
	require.Empty(t, s.byClient)
	require.Zero(t, s.used)
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{
		"undionly.kpxe", "/undionly.kpxe", "snponly.efi", "autoexec.ipxe", "ipxe-amd64.efi", "../x", `\..\x`, "\xff", "",
	} {
		f.Add(seed)
	}
	files := map[string][]byte{"undionly.kpxe": []byte("bios"), "snponly.efi": []byte("uefi")}
	server := New(files, nil)
	f.Fuzz(func(t *testing.T, name string) {
		sink := &sink{}
		err := server.handler(t.Context())(name, sink)
		if err != nil {
			var absent *NotFoundError
			require.ErrorAs(t, err, &absent)
			require.LessOrEqual(t, len(err.Error()), 400, "the error goes out in one packet")
			require.Empty(t, sink.got.Bytes())
			return
		}
		bare := strings.ToLower(strings.TrimLeft(name, `/\`))
		for strings.HasSuffix(bare, "\xff") {
			bare = strings.TrimSuffix(bare, "\xff")
		}
		require.Equal(t, string(files[bare]), sink.got.String())
	})
}

// sink takes what a transfer sends.
type sink struct{ got bytes.Buffer }

func (s *sink) ReadFrom(r io.Reader) (int64, error) {
	return s.got.ReadFrom(r)
}
