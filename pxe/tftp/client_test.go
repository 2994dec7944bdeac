// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client downloads as RFC 1350 and RFC 7440 describe it, and sends its last packet again when nothing comes.
type client struct {
	blockSize, window int           // 0: the option is not sent
	patience          time.Duration // before the last packet is sent again; 0: a second
	from              string        // address; empty: 127.0.0.1
	spoil             func(ack []byte) [][]byte
}

// get returns the file and how many packets of data came.
func (c client) get(t testing.TB, at netip.AddrPort, name string) (file []byte, packets int, err error) {
	t.Helper()
	local := net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	if c.from != "" {
		local.IP = net.ParseIP(c.from)
	}
	conn, err := net.ListenUDP("udp4", &local)
	require.NoError(t, err)
	defer conn.Close()

	last := []byte("\x00\x01" + name + "\x00octet\x00")
	option := func(name string, value int) {
		if value > 0 {
			last = append(last, name+"\x00"+strconv.Itoa(value)+"\x00"...)
		}
	}
	option("blksize", c.blockSize)
	option("windowsize", c.window)
	peer, blockSize, window, hasPeer := at, 512, 1, false
	send := func(packets ...[]byte) {
		for _, packet := range packets {
			_, err := conn.WriteToUDPAddrPort(packet, peer)
			require.NoError(t, err)
		}
	}
	ack := func(block int) {
		last = binary.BigEndian.AppendUint16([]byte{0, opAck}, uint16(block))
		if c.spoil != nil {
			send(c.spoil(last)...)
			return
		}
		send(last)
	}
	send(last)

	block, unacked, gap := 0, 0, false
	buffer := make([]byte, 2048)
	for repeats := 0; ; {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(cmp.Or(c.patience, time.Second))))
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if repeats++; repeats > 30 {
				return nil, packets, fmt.Errorf("no answer after block %d", block)
			}
			gap = false
			send(last)
			continue
		}
		require.NoError(t, err)
		if hasPeer && from != peer {
			continue // a second transfer: not ours
		}
		peer, hasPeer, repeats = from, true, 0
		switch data := buffer[4:n]; binary.BigEndian.Uint16(buffer) {
		case opError:
			return nil, packets, fmt.Errorf("error %d: %s", binary.BigEndian.Uint16(buffer[2:]), strings.TrimSuffix(string(data), "\x00"))
		case opOACK:
			if block > 0 {
				continue
			}
			options := strings.Split(string(buffer[2:n]), "\x00")
			for i := 0; i+1 < len(options); i += 2 {
				value, err := strconv.Atoi(options[i+1])
				require.NoError(t, err)
				switch options[i] {
				case "blksize":
					blockSize = value
				case "windowsize":
					window = value
				}
			}
			ack(0)
		case opData:
			packets++
			if number := binary.BigEndian.Uint16(buffer[2:]); number != uint16(block+1) {
				// After a gap the server begins again behind the last block that we have (RFC 7440 section 4), and it is
				// told so once. What comes doubled is acknowledged again: the first time may have been lost.
				ahead := number - uint16(block)
				if isAhead := ahead > 0 && ahead <= uint16(window); !isAhead || !gap {
					gap = isAhead
					ack(block)
					unacked = 0
				}
				continue
			}
			gap = false
			block++
			unacked++
			file = append(file, data...)
			if len(data) < blockSize {
				ack(block)
				return file, packets, nil
			}
			if unacked >= window {
				ack(block)
				unacked = 0
			}
		}
	}
}
