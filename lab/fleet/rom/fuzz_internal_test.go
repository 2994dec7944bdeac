// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// nowhere is a socket whose packets nobody gets.
type nowhere struct{ net.PacketConn }

func (nowhere) WriteTo(p []byte, _ net.Addr) (int, error) { return len(p), nil }

func FuzzTFTPPackets(f *testing.F) {
	f.Add([]byte{0, 6, 't', 's', 'i', 'z', 'e', 0, '9', 0, 'b', 'l', 'k', 's', 'i', 'z', 'e', 0, '8', 0}, []byte{0, 3, 0, 1, 'x'})
	f.Add([]byte{0, 5, 0, 1, 'n', 'o', 0}, []byte{0, 3, 0, 1})
	f.Add([]byte{0, 6, 'b', 'l', 'k', 's', 'i', 'z', 'e', 0, '-', '1', 0}, []byte{0, 9, 0, 0})

	f.Fuzz(func(t *testing.T, first, second []byte) {
		transfer := &tftpTransfer{session: &session{ROM: &ROM{}}, to: io.Discard, limit: 1 << 20, conn: nowhere{}, peer: &net.UDPAddr{}}
		transfer.request([]string{"blksize", "1468", "tsize", "0", "windowsize", "4"})

		for _, packet := range [][]byte{first, second} {
			if len(packet) < 4 { // what receive lets through
				continue
			}

			done, err := transfer.handle(packet)
			if done && err == nil && binary.BigEndian.Uint16(packet) != tftpData {
				t.Fatalf("transfer is done after %v", packet)
			}

			if err != nil {
				return
			}
		}
	})
}

func FuzzBootAnswers(f *testing.F) {
	packet, err := dhcpv4.New(dhcpv4.WithGeneric(dhcpv4.OptionVendorSpecificInformation, []byte{6, 1, 8, 255}),
		dhcpv4.WithServerIP(net.IPv4(10, 77, 0, 2)), dhcpv4.WithOption(dhcpv4.OptBootFileName("undionly.kpxe\x00")))
	if err != nil {
		f.Fatal(err)
	}

	f.Add(packet.ToBytes())

	f.Fuzz(func(t *testing.T, data []byte) {
		packet, err := dhcpv4.FromBytes(data)
		if err != nil {
			return
		}

		pxeSubOption(packet, pxeDiscoveryControl)

		boot, err := readBootInfo(packet)
		if err == nil && (boot.file == "" || !boot.server.Is4()) {
			t.Fatalf("usable boot information %+v", boot)
		}

		boot.base()
		boot.url()

		for _, dialect := range []Dialect{DiscoveryControl, HeaderOnly} {
			if dialect.fits(packet) && err != nil {
				t.Fatalf("%s fits, and there is nothing to boot", dialect)
			}
		}
	})
}

func FuzzScriptWords(f *testing.F) {
	f.Add("${net0/mac:hexraw} ${${filename}} ${", "a ${mac} }")
	f.Add("kernel --name=x http://h/${uuid:uristring} initrd=y || goto z", "52:54:00:77:00:01")

	f.Fuzz(func(t *testing.T, line, value string) {
		run := &interpreter{vars: map[string]string{"mac": value, "filename": value, "net0/mac": value, "uuid": value}}
		words := []string{line, value}

		for len(words) > 0 {
			command, rest, _ := cutOperator(words)
			if len(rest) >= len(words) {
				t.Fatalf("%q does not get shorter", words)
			}

			_, args := options(run.expand(command))
			argument(args, 0)

			words = rest
		}
	})
}
