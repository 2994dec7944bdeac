// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// loopback is a port that has what a TFTP transfer needs.
type loopback struct {
	lan.Port

	ports lan.Ports
}

func (l loopback) Ports() lan.Ports { return l.ports }

func (l loopback) ListenPacket(ctx context.Context, at netip.AddrPort) (net.PacketConn, error) {
	var config net.ListenConfig

	return config.ListenPacket(ctx, "udp4", at.String())
}

// windowServer sends one file with blocks of 100 bytes, a window at a time, and never repeats anything unasked.
type windowServer struct {
	conn    net.PacketConn
	oack    string // without it: the answer is data, in lock-step
	window  int
	content []byte
	got     chan []byte // every packet
}

func serveWindow(t *testing.T, s *windowServer) *session {
	t.Helper()

	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)

	s.conn, s.got = conn, make(chan []byte, 10_000)
	done := make(chan struct{})

	go func() {
		defer close(done)
		s.serve()
	}()

	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-done
	})

	rom := &ROM{
		Machine: Machine{Firmware: UEFI}, Clock: clock.Clock{Speed: 50},
		Port: loopback{ports: lan.Ports{TFTP: conn.LocalAddr().(*net.UDPAddr).Port}},
	}

	return &session{ROM: rom, address: netip.MustParsePrefix("127.0.0.1/8")}
}

func (s *windowServer) serve() {
	buf := make([]byte, 2000)

	for {
		length, peer, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}

		s.got <- bytes.Clone(buf[:length])

		switch code := binary.BigEndian.Uint16(buf); {
		case code == tftpRead && s.oack != "":
			_, _ = s.conn.WriteTo([]byte("\x00\x06"+s.oack), peer)
		case code == tftpRead:
			s.send(0, peer)
		case code == tftpAck:
			s.send(int(binary.BigEndian.Uint16(buf[2:])), peer)
		}
	}
}

// send sends the window after an acknowledged block.
func (s *windowServer) send(acknowledged int, to net.Addr) {
	length := 512
	if s.oack != "" {
		length = 100
	}

	for block := acknowledged + 1; block <= acknowledged+max(s.window, 1) && (block-1)*length <= len(s.content); block++ {
		packet := []byte{0, tftpData, byte(block >> 8), byte(block)}
		packet = append(packet, s.content[(block-1)*length:min(block*length, len(s.content))]...)
		_, _ = s.conn.WriteTo(packet, to)
	}
}

func TestEDK2sTransferWithAndWithoutAWindow(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abc"), 1000)

	for _, tc := range []struct {
		name, oack string
		window     int
		lose       int // every so many packets one is lost; 0: none
	}{
		{name: "a server without options"},
		{name: "a server that leaves the window out", oack: "blksize\x00100\x00tsize\x0013000\x00"},
		{name: "a window of 4", oack: "tsize\x0013000\x00blksize\x00100\x00windowsize\x004\x00", window: 4},
		{name: "a window of 4 with loss", oack: "tsize\x0013000\x00blksize\x00100\x00windowsize\x004\x00", window: 4, lose: 50},
		{name: "a window of 3 with loss", oack: "tsize\x0013000\x00blksize\x00100\x00windowsize\x003\x00", window: 3, lose: 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := &windowServer{oack: tc.oack, window: tc.window, content: content}
			s := serveWindow(t, server)
			packets := 0
			s.Drop = func(string) bool {
				packets++

				return tc.lose > 0 && packets%tc.lose == 0
			}

			begun := time.Now()
			probe := tftpTransfer{session: s, boot: bootInfo{file: "f", server: netip.MustParseAddr("127.0.0.1")}, probe: true}
			require.NoError(t, probe.run(t.Context(), "tsize", "0", "blksize", "1468", "windowsize", "4"))
			require.Equal(t, tc.oack != "", probe.hasTotal)

			// The second request asks for no size: a server may not tell it again.
			server.oack = untold(tc.oack)

			var got bytes.Buffer

			transfer := tftpTransfer{session: s, boot: probe.boot, to: &got, limit: 1 << 20}
			require.NoError(t, transfer.run(t.Context(), "blksize", "1468", "windowsize", "4"))
			require.Equal(t, content, got.Bytes())
			require.Less(t, time.Since(begun), 2*time.Second, "a gap is told at once: no waiting but for a lost last block")

			require.Equal(t, "\x00\x01f\x00octet\x00tsize\x000\x00blksize\x001468\x00windowsize\x004\x00", string(<-server.got))
			require.Equal(t, "\x00\x05\x00\x08User aborted the transfer\x00", string(<-server.got))
			require.Equal(t, "\x00\x01f\x00octet\x00blksize\x001468\x00windowsize\x004\x00", string(<-server.got))

			if tc.window == 4 && tc.lose == 0 {
				// One acknowledgement for the options and one for each window.
				require.Eventually(t, func() bool { return len(server.got) == 1+(131+3)/4 }, time.Second, time.Millisecond)
			}
		})
	}
}

func untold(oack string) string {
	return string(bytes.ReplaceAll([]byte(oack), []byte("tsize\x0013000\x00"), nil))
}

func TestOptionsThatWereNotAskedForEndATransfer(t *testing.T) {
	for oack, want := range map[string]string{
		"tsize\x0013000\x00":    "was not asked for",
		"blksize\x001469\x00":   "more than the 1468",
		"windowsize\x005\x00":   "more than the 4",
		"blksize\x007\x00":      "outside 8-65464",
		"blksize\x00x\x00":      "not a number",
		"windowsize\x00-1\x00":  "not a number",
		"multicast\x00225\x00":  "was not asked for",
		"BLKSIZE\x0099999\x00":  "more than the 1468",
		"timeout\x005\x00x\x00": "was not asked for",
	} {
		transfer := tftpTransfer{}
		transfer.request([]string{"blksize", "1468", "windowsize", "4"})
		require.ErrorContains(t, transfer.options([]byte(oack)), want, "%q", oack)
	}
}
