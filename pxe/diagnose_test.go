// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

func TestDiagnosis(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	offered := func(change func(*Boot)) Boot {
		b := Boot{
			Node: "node1", Stage: StageOffered, Since: at(0), LastSeen: at(28),
			Offer: ownDir + "undionly.kpxe", OfferedAt: at(28),
			Talk:   Talk{Firmware: "x86-64 BIOS", Dialect: dhcp.DiscoveryControl, Offered: at(28)},
			Events: []Event{{What: "DHCPDISCOVER", Answered: true, Stage: StageOffered}},
		}
		if change != nil {
			change(&b)
		}
		return b
	}
	staged := func(stage Stage) Boot { return offered(func(b *Boot) { b.Stage = stage }) }
	failed := Event{What: `TFTP "undionly.kpxe"`, Answered: true, Reason: "no answer from 10.77.0.21"}
	foreign := Notice{Kind: ForeignPXE, Subject: "10.77.0.5", Text: "another PXE server, 10.77.0.5", Hint: "switch it off", Last: at(20)}
	back := Notice{Kind: CameBack, Subject: "node1", Text: "node1 netboots again", Hint: "look at its console", Last: at(30)}

	for name, c := range map[string]struct {
		boot    Boot
		notices []Notice
		now     int
		stuck   bool
		cause   string // the beginning of it
		hint    string
	}{
		"that goes on":               {offered(nil), nil, 60, false, "", ""},
		"silent for a minute":        {offered(func(b *Boot) { b.TookAddress = at(29) }), nil, 88, true, "it took an address and did not come for its file; it was last told by discovery control", "open UDP ports 69"},
		"that asks on for too long":  {offered(func(b *Boot) { b.LastSeen = at(119); b.OfferedAt = at(119) }), nil, 120, true, "it took no address", "check the site's DHCP server"},
		"without any DHCP server":    {offered(nil), []Notice{{Kind: NoDHCP, Subject: "eth0", Text: "no DHCP server answers", Hint: "start it"}}, 88, true, "no DHCP server answers", "start it"},
		"that another server took":   {offered(nil), []Notice{foreign}, 88, true, "another PXE server's offer was taken: another PXE server, 10.77.0.5", "switch it off"},
		"long after another server":  {offered(func(b *Boot) { b.OfferedAt, b.LastSeen = at(600), at(600) }), []Notice{foreign}, 700, true, "it took no address", "check"},
		"at the boot service":        {staged(StageAsked), nil, 88, true, "it asked the boot service and was told", "open UDP port 69 and the ports above 1023"},
		"with a loader and no more":  {staged(StageLoader), nil, 88, true, "iPXE was loaded and did not ask for its script", "look at its console"},
		"with a script and no more":  {staged(StageScript), nil, 88, true, "iPXE has its script and did not fetch the kernel", "look at its console for iPXE's message"},
		"with a kernel and no more":  {staged(StageKernel), nil, 88, true, "iPXE has the kernel and did not fetch the initramfs", "look at its console"},
		"with all of Talos":          {staged(StageInitramfs), nil, 9999, false, "", ""},
		"with a UKI":                 {staged(StageUKI), nil, 9999, false, "", ""},
		"at its disk":                {staged(StageDisk), nil, 9999, false, "", ""},
		"whose transfer failed":      {offered(func(b *Boot) { b.Events = append(b.Events, failed) }), nil, 88, true, `the last transfer failed: TFTP "undionly.kpxe": no answer from 10.77.0.21`, "a firewall"},
		"that asked for a size only": {offered(func(b *Boot) { b.Events = append(b.Events, Event{What: "TFTP x", Answered: true, Reason: sizeAsked}) }), nil, 88, true, "it took no address", "check"},
		"that came back":             {offered(func(b *Boot) { b.ToDisk = at(10) }), []Notice{back}, 31, true, "node1 netboots again", "look at its console"},
		"that came back and has Talos": {
			offered(func(b *Boot) { b.Stage, b.ToDisk = StageInitramfs, at(10) }), []Notice{back}, 31, false, "", "",
		},
		"that is sent to its disk again and again": {offered(func(b *Boot) { b.Stage, b.ToDisk = StageDisk, at(40) }), []Notice{back}, 41, true, "node1 netboots again", "look at its console"},
		"that came back long ago":                  {offered(func(b *Boot) { b.Stage, b.ToDisk = StageDisk, at(40) }), []Notice{back}, 2000, false, "", ""},
		"that is fetching a large file":            {offered(func(b *Boot) { b.Loading = "metal-amd64-uki.efi" }), nil, 600, false, "", ""},
		"with a script that it did not ask for": {
			offered(func(b *Boot) { b.Offer, b.TookAddress = script, at(29) }), nil, 88, true, "iPXE took an address and did not ask for its script", "open the HTTP port",
		},
		"with a URL that it did not fetch": {
			offered(func(b *Boot) { b.Offer, b.TookAddress = ownURL+"metal-amd64-uki.efi", at(29) }), nil, 88, true, "its firmware took an address and did not fetch http://10.77.0.2:8080/", "open the HTTP port",
		},
		"whose refusal is followed by a DHCPREQUEST": {
			Boot{Node: "node1", Stage: StageSeen, Events: []Event{{What: "DHCPDISCOVER", Reason: "another UUID"}, {What: "DHCPREQUEST", Reason: "for the DHCP server"}}},
			nil, 1,
			true, "another UUID", "",
		},
		"another node that came back": {offered(func(b *Boot) { b.Node = "node2" }), []Notice{back}, 31, false, "", ""},
		"of a stranger": {
			Boot{Code: "ABC234", Stage: StageSeen, LastSeen: at(0), Events: []Event{{What: "DHCPDISCOVER", Reason: "not a machine of the site"}}},
			nil, 1,
			true, "not a machine of the site", "if it is one of yours, add it to the site file, or let it boot: cozy-install pxe approve ABC234",
		},
		"of a node that is refused": {
			Boot{Node: "node1", Stage: StageSeen, LastSeen: at(0), Events: []Event{{What: "DHCPDISCOVER", Reason: "has another UUID"}}}, nil, 1, true, "has another UUID", "",
		},
		"that only asked for an address": {Boot{Node: "node1", Stage: StageSeen}, nil, 1, false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.boot.Diagnose(at(c.now), c.notices)
			require.Equal(t, c.boot.Stage, d.Stage)
			require.Equal(t, c.boot.Since, d.Since)
			require.Equal(t, c.stuck, d.Stuck, "%+v", d)
			require.Regexp(t, "^"+regexp.QuoteMeta(c.cause), d.Cause)
			require.Regexp(t, "^"+regexp.QuoteMeta(c.hint), d.Hint)
			require.Equal(t, c.cause == "", d.Cause == "")
			require.Equal(t, c.hint == "", d.Hint == "")
		})
	}
}
