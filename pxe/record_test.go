// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

func recorder(t *testing.T, earlier Record) *Server {
	t.Helper()
	s, err := New(Config{
		Interfaces: []string{"eth0"}, Machines: []Machine{{Name: "node1", MACs: []net.HardwareAddr{macOne}}}, Earlier: earlier,
		Now: func() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) },
	})
	require.NoError(t, err)
	return s
}

func TestRecordComesBackFromJSON(t *testing.T) {
	s := recorder(t, Record{})
	talk := Talk{Firmware: "x86-64 UEFI", Dialect: dhcp.HeaderOnly, Works: true, Offered: s.config.Now(), Followed: true, Missed: 2}
	addr := netip.MustParseAddr("10.77.0.21")
	s.history.record(macOne, note{machine: "node1", uuid: someUUID, firmware: "x86-64 UEFI", what: "DHCPDISCOVER", answered: true, stage: StageOffered, talk: &talk})
	s.history.record(macOne, note{addr: addr, dhcp: netip.MustParseAddr("10.77.0.1"), what: "DHCPREQUEST", reason: "why"})
	s.history.record(macOne, note{stage: StageDisk, what: "TFTP", answered: true, fetched: true})
	s.history.record(macTwo, note{what: "DHCPDISCOVER", reason: "not a machine of the site"})
	s.notices.add(cameBack("node1", time.Minute))

	record := s.Record()
	require.Equal(t, Code(macTwo), record.Boots[1].Code)
	require.Empty(t, record.Boots[0].Code, "only strangers are approved")
	require.Len(t, record.Notices, 1)

	data, err := json.Marshal(record)
	require.NoError(t, err)
	var read Record
	require.NoError(t, json.Unmarshal(data, &read))
	next := recorder(t, read)
	require.Equal(t, s.Sightings(), next.Sightings())
	require.Equal(t, macOne, next.history.recordAddr(note{addr: addr, what: "TFTP"}), "who has an address is known again")

	read.Boots[0].Node = "removed"
	require.Empty(t, recorder(t, read).Sightings()[0].Machine, "who is not of the site any more is a stranger")

	read.Boots[0].MAC = "52:54"
	_, err = New(Config{Interfaces: []string{"eth0"}, Earlier: read})
	require.ErrorContains(t, err, `hardware address "52:54": want six bytes`)
}

func TestRecordThatIsTakenUpIsBounded(t *testing.T) {
	var huge Record
	for i := range 2 * maxMachines {
		huge.Boots = append(huge.Boots, Boot{MAC: fmt.Sprintf("02:00:00:00:%02x:%02x", i>>8, i&255), Events: make([]Event, 10*maxEvents)})
	}
	s := recorder(t, huge)
	require.LessOrEqual(t, len(s.Sightings()), maxMachines)
	for _, seen := range s.Sightings() {
		require.Len(t, seen.Events, maxEvents)
	}
}

func TestCodesAreShortAndStay(t *testing.T) {
	require.Regexp(t, "^[A-Z2-7]{6}$", Code(macOne))
	require.Equal(t, "YRKFLL", Code(macOne), "people have written it down")
	require.NotEqual(t, Code(macOne), Code(macTwo))
}

func TestAddressIsHeldByWhoTookItLast(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	h := newHistory(func() time.Time { return now })
	addr := netip.MustParseAddr("10.77.0.21")
	h.record(macOne, note{machine: "node1", addr: addr, dhcp: netip.MustParseAddr("10.77.0.1")}) // an operating system
	require.Nil(t, h.holder(addr, macOne), "itself")
	require.Equal(t, macOne, h.holder(addr, macTwo))
	require.Nil(t, h.holder(netip.MustParseAddr("10.77.0.22"), macTwo))
	now = now.Add(holdFor + time.Second)
	require.Nil(t, h.holder(addr, macTwo), "it may be another's by now")
}
