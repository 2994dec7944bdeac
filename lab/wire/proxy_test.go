// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"net/netip"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/pxe"
)

func TestProxyTellsThatNobodyGivesAddresses(t *testing.T) {
	s := newSite(t, proxyMode)
	s.serve()

	require.Contains(t, s.notice(pxe.NoDHCP, "eth0").Text, "no DHCP server answers on eth0")

	_, err := s.boot(machine{mac: "52:54:00:77:00:01", firmware: rom.BIOS, speed: 10})
	require.ErrorIs(t, err, dhcp.ErrNoOffer)
	text := s.explain("cp1", "stuck at offered")
	require.Contains(t, text, "likely cause: no DHCP server answers on eth0: machines get no address, and so do not boot")
	require.Contains(t, text, "hint: start the site's DHCP server")
}

func TestProxyTellsOfAnotherPXEServer(t *testing.T) {
	s := newSite(t, proxyMode)
	s.routerDHCP(s.network, router.Addr())
	s.foreignPXE(netip.MustParsePrefix("10.77.0.5/24"))
	s.serve()

	// Which of the two offers comes first is chance. This one does not come to us after it has its address.
	_, err := s.boot(machine{mac: "52:54:00:77:00:01", firmware: rom.BIOS, speed: 10, drop: silentByTFTP})
	require.Error(t, err)
	require.Contains(t, s.notice(pxe.ForeignPXE, "10.77.0.5").Text, `10.77.0.5 on eth0, tells machines what to boot ("foreign.kpxe")`)
	require.Contains(t, s.explain("cp1", "stuck at"), "another PXE server's offer was taken: another PXE server, 10.77.0.5 on eth0")
}

func TestProxyTellsOfAddressesThatAreUsedTwice(t *testing.T) {
	s := newSite(t, proxyMode)
	require.NoError(t, s.network.Site.Assign(netip.PrefixFrom(bastion.Addr(), 24)))
	s.routerDHCP(s.network, router.Addr())
	s.serve()

	require.Contains(t, s.notice(pxe.DuplicateAddress, "10.77.0.2").Text, "address 10.77.0.2 of this host on eth0 is used by ")

	first, _ := s.clients(s.attach("52:54:00:77:00:01"), router.Addr())
	lease, err := first.Lease(t.Context())
	require.NoError(t, err)

	second, _ := s.clients(s.attach("52:54:00:77:00:02"), router.Addr())
	offers, err := second.Discover(t.Context())
	require.NoError(t, err)

	offers.Address.YourIPAddr = lease.Address.Addr().AsSlice()
	_, err = second.Request(t.Context(), offers.Address)
	require.NoError(t, err)
	require.Contains(t, s.notice(pxe.DuplicateAddress, lease.Address.Addr().String()).Text, "is used by 52:54:00:77:00:01 and by 52:54:00:77:00:02")
}

func TestAStrangerBootsWithinItsRetriesOnceApproved(t *testing.T) {
	s := newSite(t, proxyMode)
	s.routerDHCP(s.network, router.Addr())
	s.serve()

	const stranger = "52:54:00:99:00:01"

	result := make(chan error, 1)
	port := s.attach(stranger)

	go func() {
		got, err := s.bootAt(machine{firmware: rom.UEFIHTTP}, port)
		if err == nil && s.images[got.UKI.SHA256] == "" {
			t.Errorf("boots %+v", got)
		}
		result <- err
	}()

	s.explain(stranger, "not a machine of the site")

	code := regexp.MustCompile(`unknown, code ([A-Z2-7]{6}) +` + stranger).FindStringSubmatch(s.command("pxe", "status").out)
	require.NotNil(t, code)
	require.Regexp(t, `hint: if it is one of yours, add it to the site file, or let it boot: cozy-install pxe approve -f \S+ `+code[1], s.explain(stranger, "stuck at seen"))

	approved := s.command("pxe", "approve", code[1])
	require.Zero(t, approved.code, "%s", approved.err)
	require.Contains(t, approved.out, stranger)
	require.NoError(t, <-result)
	require.Regexp(t, `DHCPDISCOVER +ignored +not a machine of the site\n(.*\n)*.*DHCPDISCOVER +answered +x86-64 UEFI HTTP boot: http`, s.explain(stranger, "at uki since"))

	for name, want := range map[string]string{
		"ZZZZZZ": `no machine "ZZZZZZ" has asked the netboot server for anything`,
		"../../": `no machine "../../" has asked the netboot server for anything`,
	} {
		refused := s.command("pxe", "approve", name)
		require.Equal(t, 1, refused.code)
		require.Contains(t, refused.err, want)
	}

	s.boots(machine{mac: "52:54:00:77:00:01", firmware: rom.UEFIHTTP})
	s.explain("cp1", "uki")

	known := s.command("pxe", "approve", "52:54:00:77:00:01")
	require.Equal(t, 1, known.code)
	require.Contains(t, known.err, "it is cp1 of the site file, which needs no approval")
	require.Equal(t, 2, s.command("pxe", "approve").code)
}

func TestMachinesBootOnBothSidesOfTheBastion(t *testing.T) {
	s := newSite(t, "{interfaces: [eth0, eth1], mode: proxy}")
	s.routerDHCP(s.network, router.Addr())

	second := netip.MustParsePrefix("10.78.0.2/24")
	other, err := s.network.Beside(t.Context(), lan.NetnsConfig{Bastion: second, Site: netip.MustParsePrefix("10.78.0.1/24")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	s.routerDHCP(other, netip.MustParseAddr("10.78.0.1"))
	s.serve()

	for mac, where := range map[string]struct {
		network *lan.Netns
		server  netip.Addr
	}{"52:54:00:77:00:01": {s.network, bastion.Addr()}, "52:54:00:77:00:02": {other, second.Addr()}} {
		for _, firmware := range []rom.Firmware{rom.BIOS, rom.UEFI, rom.UEFIHTTP} {
			got := s.boots(machine{mac: mac, firmware: firmware, network: where.network})
			require.Contains(t, got.Kernel.URL+got.UKI.URL, "http://"+where.server.String()+":8080/")
		}
	}
}

func TestServerModeIsSilentOnAnotherNetwork(t *testing.T) {
	s := newSite(t, "{interfaces: [eth0, eth1], mode: server, pool: 10.77.0.100-10.77.0.119}")
	other, err := s.network.Beside(t.Context(), lan.NetnsConfig{Bastion: netip.MustParsePrefix("10.78.0.2/24")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	s.serve()

	_, err = s.boot(machine{mac: "52:54:00:77:00:01", firmware: rom.BIOS, network: other, speed: 10})
	require.ErrorIs(t, err, dhcp.ErrNoOffer)
	s.explain("cp1", "came by eth1, where this host is 10.78.0.2 and not in 10.77.0.0/24: only that network's addresses are given")
	s.boots(machine{mac: "52:54:00:77:00:01", firmware: rom.BIOS})
}
