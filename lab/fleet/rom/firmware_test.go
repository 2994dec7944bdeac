// SPDX-License-Identifier: Apache-2.0

package rom_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

const dir = "52-54-00-77-00-01/"

func uki() []byte { return bytes.Repeat([]byte("uki"), 900_001) }

func TestFirmwareStartsAUKIByItself(t *testing.T) {
	for i, tc := range []struct {
		firmware rom.Firmware
		loader   string
	}{
		{rom.UEFIHTTP, "WEB/" + dir + "metal-amd64-uki.efi"},
		{rom.UEFIArm64HTTP, "WEB/" + dir + "metal-arm64-secureboot-uki.efi"},
		{rom.UEFI, dir + "metal-amd64-uki.efi"},
		{rom.UEFIArm64, dir + "metal-arm64-uki.efi"},
	} {
		t.Run(string(tc.firmware), func(t *testing.T) {
			s := newBootSite(t, byte(160+i), func(s *bootSite) { s.loader = tc.loader })
			boot := bytes.TrimPrefix([]byte(tc.loader), []byte("WEB"))
			s.files[string(boot)] = uki()

			result, err := s.machine(tc.firmware).Netboot(t.Context())
			require.NoError(t, err)
			require.Equal(t, sum(uki()), result.UKI.SHA256)
			require.Equal(t, int64(len(uki())), result.UKI.Size)
			require.Contains(t, result.UKI.URL, dir+result.UKI.Name)
			require.Equal(t, rom.Result{UKI: result.UKI}, result)
		})
	}
}

func TestHTTPBootAsksAsEDK2Does(t *testing.T) {
	s := newBootSite(t, 164, func(s *bootSite) {
		s.loader = "WEB/metal-amd64-uki.efi"
		s.files["/metal-amd64-uki.efi"] = uki()
	})

	_, err := s.machine(rom.UEFIHTTP).Netboot(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"HEAD /metal-amd64-uki.efi", "/metal-amd64-uki.efi"}, s.requests)
	require.Equal(t, s.fetches[0].RemoteAddr, s.fetches[1].RemoteAddr, "one connection")
	require.Empty(t, s.proxied)

	for _, fetch := range s.fetches {
		require.Equal(t, s.address.String(), fetch.Host, "without the port")
		require.Equal(t, http.Header{"User-Agent": {"UefiHttpBoot/1.0"}, "Accept": {"*/*"}}, fetch.Header)
	}
}

func TestHTTPBootRefusesWhatEDK2Refuses(t *testing.T) {
	for i, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request) bool
		change func(*dhcpv4.DHCPv4)
		loader string
		want   string
	}{
		{name: "redirect", want: "301", answer: func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere.efi", http.StatusMovedPermanently)

			return true
		}},
		{name: "no length", want: "content length", answer: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				w.(http.Flusher).Flush()
			}

			return r.Method == http.MethodHead
		}},
		{name: "chunks", want: "transfer encoding", answer: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				w.(http.Flusher).Flush()
				_, _ = w.Write(uki())
			}

			return r.Method == http.MethodGet
		}},
		{name: "another length", want: "where HEAD said 7", answer: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				w.Header().Set("Content-Length", "7")
			}

			return r.Method == http.MethodHead
		}},
		{name: "connection closed", want: "EDK2 has only one", answer: func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Connection", "close")

			return false
		}},
		{name: "no image", loader: "WEB/boot.ipxe", want: "not an image"},
		{name: "file for TFTP", loader: "ipxe.efi", want: "PXE-E53"},
		{name: "class not echoed", want: "PXE-E53", change: func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptClassIdentifier("PXEClient"))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newBootSite(t, byte(165+i), func(s *bootSite) {
				s.loader, s.answer, s.change = "WEB/a-uki.efi", tc.answer, tc.change
				if tc.loader != "" {
					s.loader = tc.loader
				}
				s.files["/a-uki.efi"], s.files["/boot.ipxe"] = uki(), []byte(bootScript)
			})

			_, err := s.machine(rom.UEFIHTTP).Netboot(t.Context())
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestAMissingBootFileSendsFirmwareToItsNextDevice(t *testing.T) {
	for i, tc := range []struct {
		firmware       rom.Firmware
		loader, script string
	}{
		{firmware: rom.UEFIHTTP, loader: "WEB/absent-uki.efi"},
		{firmware: rom.UEFI, loader: dir + "absent.efi"},
		{firmware: rom.BIOS, loader: "absent.kpxe"},
		{firmware: rom.IPXEROM, script: "WEB/absent.ipxe"},
	} {
		t.Run(string(tc.firmware), func(t *testing.T) {
			s := newBootSite(t, byte(175+i), func(s *bootSite) { s.loader, s.script = tc.loader, tc.script })
			if s.script != "" {
				s.script = s.web.URL + "/absent.ipxe"
			}

			var next int

			machine := s.machine(tc.firmware)
			machine.Report = func(event string, _ map[string]string) {
				if event == "next-device" {
					next++
				}
			}

			result, err := machine.Netboot(t.Context())
			require.NoError(t, err)
			require.Equal(t, rom.Result{FromDisk: true}, result)
			require.Equal(t, 1, next)
		})
	}
}

func TestIPXEInAROM(t *testing.T) {
	for i, tc := range []struct {
		name     string
		firmware rom.Firmware
		script   string // "" gives each iPXE the script
		want     string
		loaders  int
	}{
		{name: "needs no loader", firmware: rom.IPXEROM},
		{name: "is given another one", firmware: rom.IPXEROM, script: "ipxe.pxe", loaders: 1},
		{name: "is given one that hangs", firmware: rom.IPXEROM, script: "undionly.kpxe", want: "undionly hangs"},
		{name: "without HTTP is given a URL", firmware: rom.IPXEROMCut, want: "knows no HTTP"},
		{name: "without HTTP is given another one", firmware: rom.IPXEROMCut, script: "ipxe.pxe", loaders: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newBootSite(t, byte(190+i), func(s *bootSite) {
				s.script, s.option43 = tc.script, []byte{6, 1, 8, 255}
				fill(s, bootScript)
				s.files["ipxe.pxe"] = sitesim.Loader("ipxe.pxe")
			})

			loaders := 0
			machine := s.machine(tc.firmware)
			machine.Report = func(event string, _ map[string]string) {
				if event == "loader" {
					loaders++
					s.script = "" // the next one gets the script
				}
			}

			result, err := machine.Netboot(t.Context())
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)

				return
			}

			require.NoError(t, err)
			require.Equal(t, sum(s.files["/assets/kernel-amd64"]), result.Kernel.SHA256)
			require.Equal(t, tc.loaders, loaders)
			require.False(t, s.asked[0].IsBroadcast(), "a ROM's iPXE wants its answer by unicast")
			require.NotEmpty(t, s.asked[0].Options.Get(dhcpv4.GenericOptionCode(175)), "at first contact")
		})
	}
}

func TestOneServerForAddressAndBootFile(t *testing.T) {
	for i, firmware := range rom.Firmwares() {
		t.Run(string(firmware), func(t *testing.T) {
			s := newBootSite(t, byte(195+i), func(s *bootSite) {
				s.single = true
				fill(s, bootScript)
				s.files["/ipxe.efi"] = sitesim.Loader("ipxe.efi")
			})

			result, err := s.machine(firmware).Netboot(t.Context())
			if firmware == rom.IPXEROMCut {
				require.ErrorContains(t, err, "knows no HTTP")

				return
			}

			require.NoError(t, err)
			require.Equal(t, sum(s.files["/assets/kernel-amd64"]), result.Kernel.SHA256)
			require.Len(t, s.asked, stages(firmware), "each stage is content with the first offer")
		})
	}
}

// stages is how often a machine asks for an address on its way to a script.
func stages(firmware rom.Firmware) int {
	if firmware == rom.IPXEROM {
		return 1
	}

	return 2
}

func TestTheAcknowledgementMustNameTheBootFileToo(t *testing.T) {
	s := newBootSite(t, 203, func(s *bootSite) {
		s.single, s.noAck, s.option43 = true, true, []byte{6, 1, 8, 255}
		fill(s, bootScript)
	})

	_, err := s.machine(rom.BIOS).Netboot(t.Context())
	require.ErrorIs(t, err, rom.ErrNoBootFile)
}
