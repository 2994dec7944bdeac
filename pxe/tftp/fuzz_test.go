// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// firmwareRequests are the read requests of real firmware: testdata/requests.txt, one a line, in hex.
func firmwareRequests(t testing.TB) [][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/requests.txt")
	require.NoError(t, err)
	var requests [][]byte
	for line := range strings.Lines(string(text)) {
		digits, _, _ := strings.Cut(line, "#")
		if digits = strings.TrimSpace(digits); digits == "" {
			continue
		}
		packet, err := hex.DecodeString(digits)
		require.NoError(t, err)
		requests = append(requests, packet)
	}
	require.NotEmpty(t, requests)
	return requests
}

func TestRequestsOfFirmwareAreUnderstood(t *testing.T) {
	for _, packet := range firmwareRequests(t) {
		a, err := parse(packet)
		require.NoError(t, err, "%q", packet)
		require.NotEmpty(t, a.name)
		require.NotEmpty(t, a.accepted, "all firmware seen asks for options: %q", packet)
		require.LessOrEqual(t, a.blockSize, maxBlockSize)
		require.GreaterOrEqual(t, a.blockSize, 1400, "%q", packet)
	}
}

func FuzzRequest(f *testing.F) {
	for _, packet := range firmwareRequests(f) {
		f.Add(packet)
	}
	for _, packet := range []string{
		"", "\x00\x01", "\x00\x02x\x00octet\x00", "\x00\x01x\x00\x00timeout\x00255\x00", "\x00\x01../x\x00octet\x00blksize\x008\x00",
		"\x00\x01x\x00octet\x00windowsize\x0065535\x00tsize\x000\x00tsize\x000\x00",
	} {
		f.Add([]byte(packet))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		a, err := parse(packet)
		require.LessOrEqual(t, len(a.name), maxName)
		if err != nil {
			code, text := answerTo(err)
			require.LessOrEqual(t, len(errorPacket(code, text)), 512)
			return
		}
		require.GreaterOrEqual(t, a.blockSize, minBlockSize)
		require.LessOrEqual(t, a.blockSize, maxBlockSize)
		require.GreaterOrEqual(t, a.window, 1)
		require.LessOrEqual(t, a.window, maxWindow)
		require.GreaterOrEqual(t, a.timeout, time.Duration(0))
		require.LessOrEqual(t, a.timeout, 255*time.Second)
		require.LessOrEqual(t, len(a.accepted), 4, "each option once")
		require.LessOrEqual(t, len(a.oack(1<<40)), 120)
	})
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{
		"undionly.kpxe", "/undionly.kpxe", "snponly.efi", "autoexec.ipxe", "ipxe-amd64.efi", "../x", `\..\x`, "\xff", "",
		"52-54-00-77-00-01/snponly.efi", "525400770001/undionly.kpxe", `\52-54-00-77-00-01\snponly.efi`,
	} {
		f.Add(seed)
	}
	server, err := New(Config{Files: inMemory(map[string][]byte{"undionly.kpxe": nil, "snponly.efi": nil})})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, name string) {
		mac, bare := split(name)
		require.True(t, mac == nil || len(mac) == 6)
		require.Contains(t, name, bare)
		_, isServed := server.files[key(bare)]
		lower := strings.ToLower(bare)
		require.Equal(t, lower == "undionly.kpxe" || lower == "snponly.efi", isServed)
		if isServed && mac == nil {
			rest := strings.TrimLeft(name, `/\`)
			require.True(t, strings.HasPrefix(rest, bare))
			require.Empty(t, strings.ReplaceAll(rest[len(bare):], "\xff", ""))
		}
	})
}

// FuzzSender gives a transfer any acknowledgements and pauses, two bytes each.
func FuzzSender(f *testing.F) {
	f.Add(uint8(1), uint16(1428), uint32(5000), []byte{0, 0, 0, 1, 0, 2, 0, 3, 0, 4})
	f.Add(uint8(4), uint16(8), uint32(70000*8), []byte{0, 0, 0, 4, 0, 2, 0, 8, 0xff, 0xff, 0, 8, 0, 12})
	f.Add(uint8(16), uint16(512), uint32(0), []byte{0, 1, 0, 0, 0xfe, 0xfe, 0, 1})
	f.Fuzz(func(t *testing.T, window uint8, blockSize uint16, size uint32, acks []byte) {
		a := asked{
			blockSize: min(max(int(blockSize), minBlockSize), maxBlockSize), window: min(max(int(window), 1), maxWindow),
			accepted: make([]option, window%2),
		}
		now := time.Unix(1000, 0)
		began := now
		s := newSender(usualPace(), &a, int64(size), now)
		sent := 0 // packets
		send := func() {
			if s.greeting {
				s.greeted(now)
				sent++
				return
			}
			from, to, again := s.next(now)
			require.Equal(t, s.acked+1, from)
			require.LessOrEqual(t, from, to, "there is always something to send before the end")
			require.LessOrEqual(t, to, s.last)
			require.LessOrEqual(t, (from-1)*int64(a.blockSize), int64(size), "no block begins behind the file")
			require.LessOrEqual(t, int64(again), to-from+1)
			sent += int(to - from + 1)
		}
		send()
		moved, repeated := 0, 0
		for ; len(acks) >= 2 && !s.done(); acks = acks[2:] {
			number, before := uint16(acks[0])<<8|uint16(acks[1]), s.acked
			if number >= 0xff00 { // a pause of up to a second
				now = now.Add(time.Duration(number&0xff) * 4 * time.Millisecond)
				if s.silent(now) {
					return
				}
				if s.overdue(now) {
					repeated++
					send()
				}
				continue
			}
			wasGreeting := s.greeting
			if !s.ack(number, now) {
				require.Equal(t, before, s.acked)
				continue
			}
			moved++
			require.True(t, wasGreeting || s.acked > before)
			require.LessOrEqual(t, s.acked, s.sent, "nobody acknowledges what was not sent")
			if !s.done() {
				send()
			}
		}
		require.LessOrEqual(t, sent, (1+moved+repeated)*a.window, "each step forward and each pause is answered once")
		require.LessOrEqual(t, repeated, 1+int(now.Sub(began)/usualPace().least))
	})
}
