// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/assets"
)

func TestMachinesBootOverLoopback(t *testing.T) {
	for name, c := range map[string]struct {
		arch   uint16
		loader string
	}{
		"BIOS": {0, "undionly.kpxe"}, "UEFI": {7, "snponly.efi"}, "UEFI that says EBC": {9, "snponly.efi"},
	} {
		t.Run(name, func(t *testing.T) {
			s := run(t, nil)
			r := newROM(t, s, "127.77.0.11", macOne)
			loader, script := r.boot(c.arch)
			want, err := os.ReadFile(filepath.Join(s.config.IPXEDir, c.loader))
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, loader))

			files := s.config.Assets
			for _, line := range []struct{ command, name string }{
				{"kernel", files.Sets[assets.AMD64].Kernel}, {"initrd", files.Sets[assets.AMD64].Initramfs},
			} {
				found := regexp.MustCompile(`(?m)^` + line.command + ` (\S+)`).FindSubmatch(script)
				require.NotNil(t, found, "%s", script)
				status, got := r.get(string(found[1]))
				require.Equal(t, http.StatusOK, status)
				want, err := os.ReadFile(filepath.Join(files.Dir, line.name))
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, got), line.command)
			}
			require.Contains(t, string(script), " initrd=initramfs-amd64.xz talos.platform=metal console=tty0 ")

			seen := waitForStage(t, s, "node1", StageInitramfs)
			require.Equal(t, r.addr, seen.LastAddr)
			require.Equal(t, macOne, seen.MAC)
			require.Len(t, s.Sightings(), 1)
		})
	}
}

func TestRelaysGetTheirInformationBack(t *testing.T) {
	s := run(t, nil)
	offer := newROM(t, s, "127.77.0.11", macOne).discover(0, "")
	require.NotNil(t, offer)
	require.Equal(t, "127.77.0.11", offer.GatewayIPAddr.String())
	require.Equal(t, []byte("\x01\x06port 7"), offer.Options.Get(dhcpv4.OptionRelayAgentInformation))
	require.Equal(t, bastion.String(), offer.ServerIPAddr.String())
	require.True(t, offer.IsBroadcast(), "the relay can't send to yiaddr 0.0.0.0")
}

func TestStrangersAreSeenButNotAnswered(t *testing.T) {
	s := run(t, nil)
	r := newROM(t, s, "127.77.0.66", net.HardwareAddr{2, 0, 0, 0, 0, 0x66})
	require.Nil(t, r.discover(0, ""))
	status, _ := r.get("http://" + netip.AddrPortFrom(bastion, uint16(r.ports.HTTP)).String() + "/boot.ipxe?mac=" + r.mac.String())
	require.Equal(t, http.StatusNotFound, status)
	seen := s.Sightings()
	require.Len(t, seen, 1)
	require.Empty(t, seen[0].Machine)
	require.Equal(t, StageSeen, seen[0].Stage)
	for _, event := range seen[0].Events {
		require.False(t, event.Answered)
		require.Equal(t, "not a machine of the site", event.Reason)
	}
	require.Len(t, seen[0].Events, 2)
}

func TestAcceptedStrangersBoot(t *testing.T) {
	s := run(t, func(c *Config) { c.AcceptUnknown = true })
	_, script := newROM(t, s, "127.77.0.66", net.HardwareAddr{2, 0, 0, 0, 0, 0x66}).boot(7)
	require.Contains(t, string(script), "cozy-install: 02:00:00:00:00:66: booting Talos Linux")
}

func TestMachineThatWasGivenItsConfigIsSentToItsDisk(t *testing.T) {
	s := run(t, nil)
	one, two := newROM(t, s, "127.77.0.11", macOne), newROM(t, s, "127.77.0.12", macTwo)
	s.BootFromDisk("node1")
	_, script := one.boot(0)
	require.True(t, strings.HasSuffix(string(script), "\nexit 1\n"), "%s", script)
	require.NotContains(t, string(script), "kernel")
	waitForStage(t, s, "node1", StageDisk)
	_, script = two.boot(0)
	require.Contains(t, string(script), "kernel http://")
}

func TestMachineThatWasOnlyGivenItsConfigAndComesBackGetsTalos(t *testing.T) {
	s := run(t, nil)
	one := newROM(t, s, "127.77.0.11", macOne)
	for range 2 {
		s.BootFromDisk("node1")
		s.BootFromDisk("node1")
		_, script := one.boot(0)
		require.True(t, strings.HasSuffix(string(script), "\nexit 1\n"), "%s", script)
		for range 2 {
			_, script = one.boot(0)
			require.Contains(t, string(script), "kernel http://")
		}
	}
}

func TestMachineThatRanBootsFromItsDiskUntilAReinstallIsAskedFor(t *testing.T) {
	var reinstall atomic.Bool
	s := run(t, func(c *Config) {
		c.Reinstall = func(name string) bool { return name == "node1" && reinstall.Load() }
	})
	one := newROM(t, s, "127.77.0.11", macOne)
	s.Installed("node1")
	for range 3 {
		_, script := one.boot(0)
		require.True(t, strings.HasSuffix(string(script), "\nexit 1\n"), "%s", script)
	}
	require.Equal(t, CameBack, s.Notices()[0].Kind)
	require.Contains(t, s.Notices()[0].Text, "node1 netboots again")
	reinstall.Store(true)
	_, script := one.boot(0)
	require.Contains(t, string(script), "kernel http://")
}

func TestFirmwareThatGoesOnToItsNextNetworkDeviceIsStillSentToTheDisk(t *testing.T) {
	s := run(t, nil)
	one := newROM(t, s, "127.77.0.11", macOne)
	s.BootFromDisk("node1")
	_, script := one.boot(7)
	require.Contains(t, string(script), "exit 1")
	url := one.bootFile(16)
	for range 2 { // HEAD and then GET, as EDK2 does
		status, _ := one.get(url)
		require.Equal(t, http.StatusNotFound, status)
	}
	url = one.bootFile(16)
	status, _ := one.get(url)
	require.Equal(t, http.StatusOK, status, "the second boot by HTTP is a new one")
}

func TestUEFIBootsTheUKIByHTTP(t *testing.T) {
	for arch, name := range map[uint16]string{16: "amd64", 19: "arm64"} {
		s := run(t, func(c *Config) { c.Machines[0].Arch = name })
		r := newROM(t, s, "127.77.0.11", macOne)
		status, body := r.get(r.bootFile(arch))
		require.Equal(t, http.StatusOK, status)
		want, err := os.ReadFile(filepath.Join(s.config.Assets.Dir, "metal-"+name+"-uki.efi"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, body))
		require.Equal(t, r.addr, waitForStage(t, s, "node1", StageUKI).LastAddr)
	}
}

func TestMachineKnownBySerialNumberOnly(t *testing.T) {
	s := run(t, func(c *Config) { c.Machines = []Machine{{Name: "node1", Serial: "SN 1/2"}} })
	r := newROM(t, s, "127.77.0.11", macOne)
	_, script := r.boot(7)
	link := regexp.MustCompile(`(?m)^chain .*(http://\S+)\$\{serial:uristring\}$`).FindSubmatch(script)
	require.NotNil(t, link, "%s", script)
	status, script := r.get(string(link[1]) + url.QueryEscape("SN 1/2"))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(script), "cozy-install: node1: booting Talos Linux")
	status, _ = r.get(string(link[1]) + "another")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "node1", s.Sightings()[0].Machine)
}
