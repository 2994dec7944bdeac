// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// A site with a machine that is known by its serial number has to lead strangers as far as iPXE, and no further.
func TestStrangersGetNothingButTheWayToTellTheirSerial(t *testing.T) {
	asks := func(change func(*Policy)) Policy {
		return everything(func(p *Policy) {
			p.AskSerial, p.Serves = true, true
			if change != nil {
				change(p)
			}
		})
	}
	noLoader := asks(func(p *Policy) { p.Offered.UEFI = "" })
	system := Facts{Source: FromDHCP, Message: dhcp.Discover, MAC: macOne}
	const lacking = "and there is no iPXE for it, which could tell the serial number by which it may be known"

	checkDecisions(t, map[string]decision{
		"UEFI HTTP boot": {
			Machine{},
			discover(httpUEFI, 16), asks(nil),
			Answer{Action: Load, Reason: "x86-64 UEFI HTTP boot", File: ownURL + "snponly.efi", Firmware: "x86-64 UEFI HTTP boot"},
		},
		"UEFI HTTP boot without iPXE": {Machine{}, discover(httpUEFI, 16), noLoader, ignore("x86-64 UEFI HTTP boot, %s", lacking)},
		"UEFI without iPXE":           {Machine{}, discover(pxeUEFI, 7), noLoader, ignore("x86-64 UEFI, and there is neither an iPXE for it in --ipxe-dir nor a UKI among the boot assets")},
		"UEFI with Secure Boot":       {Machine{}, discover(pxeUEFI, 7), asks(func(p *Policy) { p.SecureBoot = true }), ignore("x86-64 UEFI, %s", lacking)},
		"who only wants an address":   {Machine{}, system, asks(nil), ignore("not a machine of the site")},
	})
}

func TestWhoTakesAnOfferIsToldWhatItSaid(t *testing.T) {
	h := newHistory(time.Now)
	const name = "x86-64 UEFI"
	ask := func(m dhcp.Message, secs uint16) Talk {
		talk := h.nextTalk(dhcp.Request{MAC: macOne, Message: m, Secs: secs}, name, dhcp.BootService)
		h.record(macOne, note{what: m.String(), talk: &talk})
		return talk
	}
	ask(dhcp.Discover, 0)
	offer := ask(dhcp.Discover, 4)
	require.Equal(t, dhcp.DiscoveryControl, offer.Dialect)
	require.Equal(t, offer, ask(dhcp.Ask, 5), "firmware goes on counting the seconds")
	require.Equal(t, offer, ask(dhcp.Ask, 9))
	require.Equal(t, dhcp.HeaderOnly, ask(dhcp.Discover, 12).Dialect)
}
