// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	pin "github.com/pin/tftp/v3"
	"github.com/stretchr/testify/require"
)

// serve runs a server on a free loopback port until the test ends. Each finished request comes over the channel.
func serve(t testing.TB, files map[string][]byte) (netip.AddrPort, <-chan Transfer) {
	t.Helper()
	return serveAt(t, usualPace(), Config{Files: inMemory(files)})
}

func serveAt(t testing.TB, pace pace, config Config) (netip.AddrPort, <-chan Transfer) {
	t.Helper()
	finished := make(chan Transfer, 4096)
	config.Finished = func(transfer Transfer) {
		select {
		case finished <- transfer:
		default: // nobody reads it in the flood tests
		}
	}
	server, err := New(config)
	require.NoError(t, err)
	server.pace = pace
	return run(t, server), finished
}

// run serves on a free loopback port until the test ends.
func run(t testing.TB, server *Server) netip.AddrPort {
	t.Helper()
	conn, err := Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	serveOn(t, server, conn)
	return conn.Addr()
}

func serveOn(t testing.TB, server *Server, conn *Conn) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
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

func TestAdmissionIsAskedForServedFilesOnly(t *testing.T) {
	var asked []Request
	at, finished := serveAt(t, usualPace(), Config{
		Files: inMemory(map[string][]byte{"undionly.kpxe": pattern(1600)}),
		Admit: func(r Request) error {
			asked = append(asked, r)
			if r.MAC == nil {
				return errors.New("this machine is not of the site")
			}
			return nil
		},
	})
	_, _, err := client{}.get(t, at, "absent")
	require.ErrorContains(t, err, "error 1: ")
	require.Error(t, (<-finished).Err)
	_, _, err = client{}.get(t, at, "/undionly.kpxe")
	require.EqualError(t, err, "error 2: this machine is not of the site")
	require.ErrorContains(t, (<-finished).Err, "this machine is not of the site")
	got, _, err := client{}.get(t, at, "/52-54-00-77-00-01/Undionly.kpxe")
	require.NoError(t, err)
	require.Len(t, got, 1600)
	require.NoError(t, (<-finished).Err)
	mac := net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}
	loopback := netip.MustParseAddr("127.0.0.1")
	require.Equal(t, []Request{
		{Client: loopback, Name: "undionly.kpxe"}, {Client: loopback, Name: "Undionly.kpxe", MAC: mac},
	}, asked)
}

func TestFilesThatCanNotBeServedAreRefusedAtOnce(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	for want, files := range map[string]map[string]File{
		"bare name":            {"a/b": {}},
		"want a bare name":     {"": {}},
		"only in case":         {"a": {}, "A": {}},
		"a name below a root":  {"a": {Root: root}},
		"either data or a nam": {"a": {Root: root, Name: "a", Data: []byte("a")}},
	} {
		_, err := New(Config{Files: files})
		require.ErrorContains(t, err, want)
	}
}
