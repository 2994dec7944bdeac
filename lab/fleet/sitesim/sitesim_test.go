// SPDX-License-Identifier: Apache-2.0

package sitesim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siderolabs/image-factory/pkg/schematic"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/pxe/assets"
)

func get(t *testing.T, method, url string) (int, []byte) {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)

	defer response.Body.Close()

	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)

	return response.StatusCode, body
}

func TestFactoryKnowsOnlyWhatWasPosted(t *testing.T) {
	factory := &sitesim.Factory{KernelSize: 100_000, InitramfsSize: 200_000}
	server := httptest.NewServer(factory)
	t.Cleanup(server.Close)

	wanted := schematic.Schematic{Customization: schematic.Customization{ExtraKernelArgs: []string{"quiet"}}}
	id, err := wanted.ID()
	require.NoError(t, err)

	code, _ := get(t, http.MethodGet, server.URL+"/image/"+id+"/v1.13.9/kernel-amd64")
	require.Equal(t, http.StatusNotFound, code, "never posted")

	data, err := wanted.Marshal()
	require.NoError(t, err)
	response, err := http.Post(server.URL+"/schematics", "application/yaml", bytes.NewReader(data))
	require.NoError(t, err)

	defer response.Body.Close()

	var answer struct{ ID string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.Equal(t, id, answer.ID)

	for file, size := range map[string]int{
		"kernel-amd64": 100_000, "initramfs-amd64.xz": 200_000, "metal-amd64-uki.efi": 1 << 20,
		"kernel-arm64": 100_000, "initramfs-arm64.xz": 200_000, "metal-arm64-secureboot-uki.efi": 1 << 20,
	} {
		code, body := get(t, http.MethodGet, server.URL+"/image/"+id+"/v1.13.9/"+file)
		require.Equal(t, http.StatusOK, code)
		require.Len(t, body, size)
		require.Equal(t, factory.Content(id, "v1.13.9", file), body, "the same every time")
		require.NotEqual(t, factory.Content(id, "v1.13.8", file), body)
		require.True(t, strings.HasPrefix(string(body[0x400:]), "SIMULATED "+file))

		code, body = get(t, http.MethodHead, server.URL+"/image/"+id+"/v1.13.9/"+file)
		require.Equal(t, http.StatusOK, code)
		require.Empty(t, body)
	}

	code, body := get(t, http.MethodGet, server.URL+"/image/"+id+"/v1.13.9/cmdline-metal-amd64")
	require.Equal(t, http.StatusOK, code)
	require.True(t, strings.HasPrefix(string(body), "talos.platform=metal ") && strings.HasSuffix(string(body), " quiet"))

	code, _ = get(t, http.MethodGet, server.URL+"/image/"+id+"/v1.13.9/kernel-riscv64")
	require.Equal(t, http.StatusNotFound, code)
}

// order is for the empty schematic.
func order(t *testing.T, factory *sitesim.Factory) assets.Factory {
	t.Helper()

	server := httptest.NewServer(factory)
	t.Cleanup(server.Close)

	wanted := schematic.Schematic{}
	id, err := wanted.ID()
	require.NoError(t, err)
	data, err := wanted.Marshal()
	require.NoError(t, err)

	return assets.Factory{URL: server.URL, Schematic: data, ID: id, Version: "v1.13.9", Client: server.Client()}
}

func TestTheProductTakesTheSimulatedFiles(t *testing.T) {
	for name, factory := range map[string]*sitesim.Factory{"ranges": {}, "no ranges": {NoRanges: true}} {
		t.Run(name, func(t *testing.T) {
			from := order(t, factory)
			factory.Unavailable(1)
			factory.Cut(1<<20 + 7)

			got, err := assets.Fetch(t.Context(), from, assets.Want{Archs: []string{assets.AMD64, assets.ARM64}, SecureBoot: true}, t.TempDir())
			require.NoError(t, err)

			for arch, set := range got.Sets {
				require.Contains(t, set.Cmdline, "talos.platform=metal")
				require.Equal(t, arch == assets.ARM64, slices.Contains(set.Cmdline, "console=ttyAMA0"))

				for _, file := range []string{set.Kernel, set.Initramfs, set.UKI} {
					content, err := os.ReadFile(filepath.Join(got.Dir, file))
					require.NoError(t, err)
					require.True(t, bytes.Equal(factory.Content(from.ID, from.Version, file), content), file)
				}
			}
		})
	}
}

func TestARebuiltImageIsAnother(t *testing.T) {
	factory := &sitesim.Factory{}
	before := factory.Content("id", "v1.13.9", "kernel-amd64")
	factory.Rebuild()
	require.NotEqual(t, before, factory.Content("id", "v1.13.9", "kernel-amd64"))
}

func TestFactoryRefusesASchematicWithUnknownKeys(t *testing.T) {
	server := httptest.NewServer(&sitesim.Factory{})
	t.Cleanup(server.Close)

	response, err := http.Post(server.URL+"/schematics", "application/yaml", strings.NewReader("customisation: {}"))
	require.NoError(t, err)

	defer response.Body.Close()

	require.Equal(t, http.StatusBadRequest, response.StatusCode)
}

func TestLoadersAreWritten(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, sitesim.WriteLoaders(dir))

	for name, size := range sitesim.Loaders() {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Len(t, content, size)
		require.Equal(t, sitesim.Loader(name), content)
	}

	require.Nil(t, sitesim.Loader("pxelinux.0"))
	require.ErrorContains(t, sitesim.WriteLoaders(filepath.Join(dir, "missing")), "write simulated loader")
}

func TestDHCPGivesEachClientItsOwnAddressUntilThePoolIsUsedUp(t *testing.T) {
	own := netip.MustParseAddr("127.78.0.1")
	site := &sitesim.DHCP{
		Server: own, First: netip.MustParseAddr("127.78.0.100"), Last: netip.MustParseAddr("127.78.0.101"), Bits: 24,
		Router: own,
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: own.AsSlice()})
	require.NoError(t, err)

	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()

	go func() { _ = site.Serve(t.Context(), conn) }()

	relay, err := lan.NewRelay(lan.RelayConfig{
		Agents: netip.MustParsePrefix("127.78.1.0/24"), Servers: []netip.AddrPort{at},
		Ports: lan.Ports{DHCP: int(at.Port())},
	})
	require.NoError(t, err)

	lease := func(last byte) (netip.Prefix, error) {
		mac := net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, last}
		port, err := relay.Attach(t.Context(), "m", mac)
		require.NoError(t, err)
		conn, err := port.OpenDHCP(t.Context())
		require.NoError(t, err)

		defer conn.Close()

		client := dhcp.Client{Conn: conn, MAC: mac, Clock: clock.Clock{Speed: 1000}}

		offers, err := client.Discover(t.Context())
		if err != nil {
			return netip.Prefix{}, err
		}

		require.Nil(t, offers.Proxy)
		ack, err := client.Request(t.Context(), offers.Address)
		require.NoError(t, err)
		require.Equal(t, time.Hour, ack.IPAddressLeaseTime(0))
		require.Equal(t, "127.78.0.1", ack.Router()[0].String())

		return dhcp.Prefix(ack)
	}

	for range 2 { // the same again
		for i, want := range []string{"127.78.0.100/24", "127.78.0.101/24"} {
			got, err := lease(byte(i + 1))
			require.NoError(t, err)
			require.Equal(t, want, got.String())
		}
	}

	_, err = lease(3)
	require.ErrorIs(t, err, dhcp.ErrNoOffer)
	require.Len(t, site.Leases(), 2)
}
