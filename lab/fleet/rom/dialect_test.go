// SPDX-License-Identifier: Apache-2.0

package rom_test

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
)

// speak puts an offer into a dialect.
func speak(dialect rom.Dialect, offer *dhcpv4.DHCPv4) {
	switch dialect {
	case rom.DiscoveryControl:
		offer.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, []byte{6, 1, 8, 255}))
	case rom.HeaderOnly:
		delete(offer.Options, dhcpv4.OptionClassIdentifier.Code())
	}
}

func dialects() []rom.Dialect {
	return []rom.Dialect{rom.DiscoveryControl, rom.BootServer, rom.HeaderOnly}
}

func TestStubbornFirmwareAsksUntilItsDialectComes(t *testing.T) {
	for i, firmware := range []rom.Firmware{rom.BIOS, rom.UEFI, rom.UEFIArm64} {
		for j, dialect := range dialects() {
			t.Run(string(firmware)+" "+string(dialect), func(t *testing.T) {
				t.Parallel() // it waits most of the time

				s := newBootSite(t, byte(210+3*i+j), func(s *bootSite) {
					fill(s, bootScript)
					s.change = func(offer *dhcpv4.DHCPv4) { // a server that tries them one after another
						if offer.MessageType() == dhcpv4.MessageTypeOffer {
							speak(dialects()[(len(s.asked)-1)%3], offer)
						}
					}
				})

				machine := s.machine(firmware)
				machine.Accepts = dialect

				result, err := machine.Netboot(t.Context())
				require.NoError(t, err)
				require.Equal(t, sum(s.files["/assets/kernel-amd64"]), result.Kernel.SHA256)

				firmware := s.asked[:len(s.asked)-1] // the last one is iPXE's
				require.Len(t, firmware, j+1)

				for k, packet := range firmware {
					require.Equal(t, []uint16{0, 4, 12, 28}[k], packet.NumSeconds)
				}

				require.Equal(t, dialect == rom.BootServer, len(s.proxied) == 1, "port 4011")
			})
		}
	}
}

func TestStubbornFirmwareGivesUpOnAServerWithOneDialect(t *testing.T) {
	for i, dialect := range dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()

			s := newBootSite(t, byte(220+i), func(s *bootSite) {
				fill(s, bootScript)
				s.change = func(offer *dhcpv4.DHCPv4) { speak(dialects()[(i+1)%3], offer) }
			})

			machine := s.machine(rom.UEFI)
			machine.Accepts = dialect

			_, err := machine.Netboot(t.Context())
			require.ErrorIs(t, err, rom.ErrNoBootFile)
			require.Len(t, s.asked, 4)
		})
	}
}

func TestFirmwareAsksOnWhenTheProxyIsLate(t *testing.T) {
	s := newBootSite(t, 223, func(s *bootSite) {
		s.silent = 2
		fill(s, bootScript)
	})

	_, err := s.machine(rom.UEFI).Netboot(t.Context())
	require.NoError(t, err)
	require.Len(t, s.asked, 4, "three times the firmware, once iPXE")
}
