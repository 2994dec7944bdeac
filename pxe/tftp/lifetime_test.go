// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRequestsBetweenListenAndServeAreAnswered(t *testing.T) {
	server, err := New(Config{Files: inMemory(map[string][]byte{"undionly.kpxe": pattern(1600)})})
	require.NoError(t, err)
	conn, err := Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	early := newRawClient(t)
	early.send(conn.Addr(), opRead, "undionly.kpxe\x00octet\x00blksize\x001428\x00")
	serveOn(t, server, conn)
	opcode, options := early.receive()
	require.Equal(t, uint16(opOACK), opcode)
	require.Equal(t, "blksize\x001428\x00", options)
}

func TestTransfersEndWithTheServer(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	finished := make(chan Transfer, 10)
	server, err := New(Config{
		Files:    inMemory(map[string][]byte{"undionly.kpxe": pattern(74224)}),
		Finished: func(transfer Transfer) { finished <- transfer },
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	var clients []*rawClient
	for range 10 {
		c := newRawClient(t)
		c.send(conn.Addr(), opRead, "undionly.kpxe\x00octet\x00timeout\x00100\x00")
		opcode, _ := c.receive()
		require.Equal(t, uint16(opOACK), opcode)
		clients = append(clients, c)
	}
	cancel()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(3 * time.Second):
		t.Fatal("the server does not end")
	}
	for _, c := range clients {
		opcode, text := c.receive()
		require.Equal(t, uint16(opError), opcode)
		require.Equal(t, "\x00\x00"+errStopped.Error()+"\x00", text)
		require.ErrorIs(t, (<-finished).Err, context.Canceled)
	}
	for end := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // the goroutine above has sent, and is not gone yet
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
}

func TestTransfersTakeNoLongerThanTheirSizeAllows(t *testing.T) {
	require.Equal(t, 5*time.Minute, usualPace().limit(1000))
	require.Equal(t, 5*time.Minute+1600*time.Second, usualPace().limit(100<<20))

	p := usualPace()
	p.base = 200 * time.Millisecond
	at, finished := serveAt(t, p, Config{Files: inMemory(map[string][]byte{"undionly.kpxe": pattern(1600)})})
	c := newRawClient(t)
	c.send(at, opRead, "undionly.kpxe\x00octet\x00")
	require.ErrorIs(t, (<-finished).Err, errSlow)
}

// The same request from the same port before the client has answered is one whose answer was lost.
func TestARepeatedRequestIsNoSecondTransfer(t *testing.T) {
	at, finished := serve(t, map[string][]byte{"undionly.kpxe": pattern(512)})
	c := newRawClient(t)
	for range 3 {
		c.send(at, opRead, "undionly.kpxe\x00octet\x00tsize\x000\x00")
	}
	opcode, _ := c.receive()
	require.Equal(t, uint16(opOACK), opcode)
	first := c.peer
	for range 2 {
		opcode, _ = c.receive()
		require.Equal(t, uint16(opOACK), opcode)
		require.Equal(t, first, c.peer)
	}
	c.send(first, opAck, "\x00\x00")
	opcode, _ = c.receive()
	require.Equal(t, uint16(opData), opcode)

	// A client that has come further and asks again has started anew: ROMs use one port for all.
	c.send(at, opRead, "undionly.kpxe\x00octet\x00tsize\x000\x00")
	require.ErrorIs(t, (<-finished).Err, errReplaced)
	opcode, _ = c.receive()
	require.Equal(t, uint16(opOACK), opcode)
}

func TestSinglePortAnswersFromWhereItListens(t *testing.T) {
	file := pattern(74224)
	at, finished := serveAt(t, usualPace(), Config{Files: inMemory(map[string][]byte{"undionly.kpxe": file}), SinglePort: true})
	// A connected socket hears that port only, as a firewall would let through.
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("\x00\x01undionly.kpxe\x00octet\x00blksize\x001428\x00"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	buffer := make([]byte, 2048)
	n, err := conn.Read(buffer)
	require.NoError(t, err)
	require.Equal(t, "\x00\x06blksize\x001428\x00", string(buffer[:n]))
	_, err = conn.Write([]byte("\x00\x05\x00\x00\x00"))
	require.NoError(t, err)
	var aborted *AbortedError
	require.ErrorAs(t, (<-finished).Err, &aborted, "no probe: it did not ask for the size")

	got, _, err := client{blockSize: 1428, window: 4}.get(t, at, "undionly.kpxe")
	require.NoError(t, err)
	require.True(t, bytes.Equal(file, got))
}

func TestFilesOnDiskNeverLeaveTheirRoot(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	file := pattern(chunkSize*3 + 16)
	write := func(dir, name string, data []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	write(dir, "uki.efi", file)
	write(dir, "empty", nil)
	write(outside, "secret", []byte("secret"))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir"), 0o700))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	files := map[string]File{}
	for _, name := range []string{"uki.efi", "empty", "link", "dir", "absent"} {
		files[name] = File{Root: root, Name: name}
	}
	files["up"] = File{Root: root, Name: "../" + filepath.Base(outside) + "/secret"}
	at, finished := serveAt(t, usualPace(), Config{Files: files})

	for _, window := range []int{1, 4, 16} {
		got, _, err := client{blockSize: 1428, window: window}.get(t, at, "52-54-00-77-00-01/UKI.efi")
		require.NoError(t, err)
		require.True(t, bytes.Equal(file, got))
		require.Equal(t, "52:54:00:77:00:01", (<-finished).MAC.String())
	}
	got, _, err := client{}.get(t, at, "empty")
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, (<-finished).Err)
	for _, name := range []string{"link", "up", "dir", "absent"} {
		_, _, err := client{}.get(t, at, name)
		require.ErrorContains(t, err, "error 0: "+errUnread.Error(), name)
		require.NotContains(t, err.Error(), dir)
		transfer := <-finished
		require.ErrorIs(t, transfer.Err, errUnread)
		var absent *NotFoundError
		require.NotErrorAs(t, transfer.Err, &absent, "it is in the set")
	}
}

func TestAFileThatBecomesShorterEndsTheTransfer(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "uki.efi")
	require.NoError(t, os.WriteFile(path, pattern(chunkSize*3), 0o600))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	at, finished := serveAt(t, usualPace(), Config{Files: map[string]File{"uki.efi": {Root: root, Name: "uki.efi"}}})
	isCut := false
	_, _, err = client{blockSize: 1428, spoil: func(ack []byte) [][]byte {
		if !isCut {
			isCut = true
			require.NoError(t, os.Truncate(path, 1000))
		}
		return [][]byte{ack}
	}}.get(t, at, "uki.efi")
	require.ErrorContains(t, err, errUnread.Error())
	require.ErrorIs(t, (<-finished).Err, errUnread)
}
