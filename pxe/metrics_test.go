// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMetricsCountWhatHappensAndRepeatNothingThatMachinesSay(t *testing.T) {
	s := run(t, nil)
	newROM(t, s, "127.77.0.11", macOne).boot(0)
	stranger := newROM(t, s, "127.77.0.66", net.HardwareAddr{2, 0, 0, 0, 0, 0x66})
	require.Nil(t, stranger.discover(0, "secret-class"))
	_, err := stranger.tftp("secret-file")
	require.Error(t, err)
	base := "http://" + netip.AddrPortFrom(bastion, uint16(s.config.Ports.HTTP)).String()
	stranger.get(base + "/secret-file")
	stranger.get(base + "/boot.ipxe?mac=02:00:00:00:00:66&serial=secret-serial&uuid=" + someUUID)

	status, body := stranger.get(base + "/metrics")
	require.Equal(t, http.StatusOK, status)
	text := string(body)
	for _, line := range []string{
		`cozy_netboot_dhcp_packets_total\{answered="true",message="DHCPDISCOVER",port="67"\} 2`,
		`cozy_netboot_dhcp_packets_total\{answered="false",message="DHCPDISCOVER",port="67"\} 1`,
		`cozy_netboot_transfers_total\{protocol="tftp",result="whole"\} 1`,
		`cozy_netboot_transfers_total\{protocol="tftp",result="absent"\} 1`,
		`cozy_netboot_sent_bytes_total\{protocol="tftp"\} \S+`,
		`cozy_netboot_tftp_resent_blocks_total 0`,
		`cozy_netboot_scripts_total\{action="talos"\} 1`,
		`cozy_netboot_scripts_total\{action="ignored"\} 1`,
		`cozy_netboot_machines\{known="true",stage="script"\} 1`,
		`cozy_netboot_machines\{known="false",stage="seen"\} 1`,
	} {
		require.Regexp(t, "(?m)^"+line+"$", text)
	}
	for _, said := range []string{"secret", "66", someUUID, "52:54", "127.77", "node1"} {
		for line := range strings.Lines(text) {
			labels := regexp.MustCompile(`\{.*\}`).FindString(line)
			require.NotContains(t, strings.ReplaceAll(labels, `port="67"`, ""), said)
		}
	}
	require.Subset(t, []string{"action", "answered", "kind", "known", "message", "port", "protocol", "result", "stage"}, labelsOf(text))
}

// labelsOf are the names of all labels, each once.
func labelsOf(text string) (names []string) {
	for _, found := range regexp.MustCompile(`(?m)[{,]([a-z_]+)="`).FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}
