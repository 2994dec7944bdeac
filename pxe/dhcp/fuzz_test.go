// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
)

// captured returns what real firmware sent to DHCP servers, by capture.
func captured(t testing.TB) map[string][][]byte {
	t.Helper()
	paths, err := filepath.Glob("../testdata/firmware/*.pcap")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	all := map[string][][]byte{}
	for _, path := range paths {
		file, err := os.Open(path)
		require.NoError(t, err)
		defer file.Close()
		reader, err := pcapgo.NewReader(file)
		require.NoError(t, err)
		for {
			data, _, err := reader.ReadPacketData()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			udp, _ := gopacket.NewPacket(data, reader.LinkType(), gopacket.Default).Layer(layers.LayerTypeUDP).(*layers.UDP)
			isRequest := udp != nil && len(udp.Payload) > 0 && udp.Payload[0] == byte(dhcpv4.OpcodeBootRequest)
			if isRequest && (udp.DstPort == 67 || udp.DstPort == 4011) {
				all[filepath.Base(path)] = append(all[filepath.Base(path)], udp.Payload)
			}
		}
		require.NotEmpty(t, all[filepath.Base(path)], path)
	}
	return all
}

func TestCapturedFirmwareIsUnderstood(t *testing.T) {
	for name, packets := range captured(t) {
		for _, payload := range packets {
			r, err := Parse(payload, noAddr, ServiceDHCP)
			require.NoError(t, err, name)
			require.True(t, strings.HasPrefix(r.Class, "PXEClient") || strings.HasPrefix(r.Class, "HTTPClient"), name)
			require.NotEmpty(t, r.Archs, name)
			saysIPXE := len(r.UserClasses) > 0 && r.UserClasses[0] == "iPXE"
			if saysIPXE {
				require.NotNil(t, r.IPXE, name)
				require.True(t, r.IPXE.HTTP, name)
				require.Regexp(t, `^1\.\d+\.\d+$`, r.IPXE.Version, name)
				require.NotEqual(t, r.Archs[0] == 0, r.IPXE.EFI, name)
				require.Equal(t, r.Archs[0] == 0, r.IPXE.BzImage, name)
			}
			if r.Message == Ask && r.Client == (netip.Addr{}) {
				require.True(t, r.Requested.IsValid() && r.Chosen.IsValid(), name)
			}
		}
	}
}

// Whatever arrives and whatever is decided, nothing falls over, and what is sent can be read and fits.
func FuzzAnswer(f *testing.F) {
	for _, packets := range captured(f) {
		for _, payload := range packets {
			f.Add(payload, "http://10.77.0.2:8080/boot.ipxe?mac=52:54:00:77:00:01", "", uint8(0))
			f.Add(payload, "snponly.efi", "", uint8(1))
			f.Add(payload, "", "its address is 10.77.0.9", uint8(6))
			f.Add(payload, strings.Repeat("f", 255), "", uint8(2))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, file, refusal string, how uint8) {
		service := ServiceDHCP
		if how&8 != 0 {
			service = ServiceBoot
		}
		request, err := Parse(payload, netip.MustParseAddrPort("10.77.0.99:68"), service)
		if err != nil {
			return
		}
		request.Server = server
		reply := Reply{Boot: Boot{File: file, Dialect: Dialect(how % 4)}, Refusal: refusal}
		if how&16 != 0 {
			reply.Lease = lease()
			reply.Lease.Domain, reply.Lease.Time = file, time.Duration(how)<<40
		}
		packet, err := request.Encode(reply)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(packet), maxMax-headersSize, "it fits into one Ethernet frame")
		got, err := dhcpv4.FromBytes(packet)
		require.NoError(t, err)
		require.Equal(t, request.MAC, got.ClientHWAddr)
		require.Equal(t, request.packet.TransactionID, got.TransactionID)
		for code, value := range got.Options {
			require.LessOrEqual(t, len(value), maxOption, "option %d", code)
		}
		to := request.Destination(reply, 67)
		require.True(t, to.IsValid())
		require.NotZero(t, to.Port())
	})
}
