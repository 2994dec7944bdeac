// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/google/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

// The captures are of the same firmware, booted by another server. They have no HTTP.
func TestRequestsAreReadFromFrames(t *testing.T) {
	for file, want := range map[string][]string{
		"uefi-x64-pxe-ovmf-2022.pcap":    {"tftp ipxe-amd64.efi", "tftp ipxe-amd64.efi", "tftp autoexec.ipxe"},
		"bios-ipxe-rom-2019-virtio.pcap": nil,
	} {
		var asked []string
		dhcp := 0
		for _, frame := range captured(t, file) {
			p, isIPv4 := readPacket(frame)
			require.True(t, isIPv4)
			if p.isDHCP() {
				dhcp++
			}
			if what := p.asks(); what != "" {
				asked = append(asked, what)
			}
			for cut := range frame {
				_, isWhole := readPacket(frame[:cut])
				require.False(t, isWhole, "%d bytes of %d", cut, len(frame))
			}
		}
		require.Equal(t, want, asked, file)
		require.Positive(t, dhcp, file)
	}
}

func TestHTTPRequestsAreReadFromTheirFirstLine(t *testing.T) {
	ask := func(text string) string { return packet{protocol: protocolTCP, payload: []byte(text)}.asks() }
	require.Equal(t, "GET /boot.ipxe?mac=x", ask("GET /boot.ipxe?mac=x HTTP/1.1\r\nHost: x\r\n\r\n"))
	require.Equal(t, "HEAD /metal-amd64-uki.efi", ask("HEAD /metal-amd64-uki.efi HTTP/1.1\r\n"))
	require.Empty(t, ask("HTTP/1.1 200 OK\r\n"))
	require.Empty(t, ask("\x00\x01 kernel bytes"))
}

func captured(t *testing.T, file string) (found [][]byte) {
	t.Helper()
	opened, err := os.Open("../../pxe/testdata/firmware/" + file)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	frames, err := pcapgo.NewReader(opened)
	require.NoError(t, err)
	for {
		frame, _, err := frames.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		found = append(found, frame)
	}
}
