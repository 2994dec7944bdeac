// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rawClient speaks TFTP by hand.
type rawClient struct {
	t    testing.TB
	conn *net.UDPConn
	peer netip.AddrPort
}

func newRawClient(t testing.TB) *rawClient {
	t.Helper()
	return newRawClientAt(t, "127.0.0.1")
}

func newRawClientAt(t testing.TB, address string) *rawClient {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(address)})
	require.NoError(t, err)
	c := &rawClient{t: t, conn: conn}
	t.Cleanup(c.close)
	return c
}

func (c *rawClient) close() { _ = c.conn.Close() }

func (c *rawClient) send(to netip.AddrPort, opcode uint16, rest string) {
	c.sendRaw(to, string(binary.BigEndian.AppendUint16(nil, opcode))+rest)
}

func (c *rawClient) sendRaw(to netip.AddrPort, packet string) {
	_, err := c.conn.WriteToUDPAddrPort([]byte(packet), to)
	require.NoError(c.t, err)
}

// silent fails when anything comes.
func (c *rawClient) silent(wait time.Duration) {
	require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(wait)))
	buffer := make([]byte, 2048)
	n, _, err := c.conn.ReadFromUDPAddrPort(buffer)
	require.ErrorIs(c.t, err, os.ErrDeadlineExceeded, "%q", buffer[:n])
}

func (c *rawClient) receive() (opcode uint16, rest string) {
	require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	buffer := make([]byte, 2048)
	n, from, err := c.conn.ReadFromUDPAddrPort(buffer)
	require.NoError(c.t, err)
	c.peer = from
	return binary.BigEndian.Uint16(buffer), string(buffer[2:n])
}

// EDK2 2022.11 and 2025.02, from the captures: options first, abort after the OACK, then the download.
func TestSizeProbeIsNoFailure(t *testing.T) {
	at, finished := serve(t, map[string][]byte{"snponly.efi": pattern(3200)})
	c := newRawClient(t)
	c.send(at, 1, "snponly.efi\x00octet\x00tsize\x000\x00blksize\x001468\x00windowsize\x004\x00")
	opcode, options := c.receive()
	require.Equal(t, uint16(6), opcode, "an OACK")
	require.Contains(t, options, "tsize\x003200\x00")
	require.Contains(t, options, "blksize\x001428\x00", "blocks must not be cut into fragments")
	require.Contains(t, options, "windowsize\x004\x00")
	c.send(c.peer, 5, "\x00\x08User aborted the transfer\x00")
	transfer := <-finished
	require.Equal(t, Request{Client: netip.MustParseAddr("127.0.0.1"), Name: "snponly.efi"}, transfer.Request)
	require.True(t, transfer.Probe)
	require.NoError(t, transfer.Err)

	got, _, err := fetch(t, at, "snponly.efi", 1468)
	require.NoError(t, err)
	require.Len(t, got, 3200)
}

func TestLostPacketsAreSentAgain(t *testing.T) {
	at, finished := serve(t, map[string][]byte{"undionly.kpxe": pattern(512)})
	c := newRawClient(t)
	c.send(at, 1, "undionly.kpxe\x00octet\x00")
	for range 3 { // as if the first two were lost
		opcode, data := c.receive()
		require.Equal(t, uint16(3), opcode)
		require.Equal(t, "\x00\x01"+string(pattern(512)), data)
	}
	c.send(c.peer, 4, "\x00\x01")
	opcode, data := c.receive()
	require.Equal(t, uint16(3), opcode)
	require.Equal(t, "\x00\x02", data, "a full last block is followed by an empty one")
	c.send(c.peer, 4, "\x00\x02")
	require.NoError(t, (<-finished).Err)
}

func TestOptionsThatFillTheRequestDoNoHarm(t *testing.T) {
	at, _ := serve(t, map[string][]byte{"ipxe.efi": pattern(1600)})
	c := newRawClient(t)
	padding := 516 - len("\x00\x01ipxe.efi\x00\x00tsize\x000\x00blksize\x001428\x00")
	c.send(at, 1, "ipxe.efi\x00\x00tsize\x000\x00blksize\x00"+strings.Repeat("0", padding)+"1428\x00")
	opcode, _ := c.receive()
	require.Equal(t, uint16(6), opcode)
	c.send(c.peer, 5, "\x00\x08\x00")

	got, _, err := fetch(t, at, "ipxe.efi", 1428)
	require.NoError(t, err, "the server lives")
	require.Len(t, got, 1600)
}
