// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOptionsAreAnsweredInOnePacket(t *testing.T) {
	for name, tc := range map[string]struct{ asks, want string }{
		"none":                      {"", ""},
		"all":                       {"tsize 0 blksize 1428 timeout 3 windowsize 4", "tsize 5000 blksize 1428 timeout 3 windowsize 4"},
		"in capitals":               {"TSIZE 0 BlkSize 1024", "TSIZE 5000 BlkSize 1024"},
		"blocks above ours":         {"blksize 1468", "blksize 1428"},
		"blocks of an Ethernet":     {"blksize 65464", "blksize 1428"},
		"the smallest blocks":       {"blksize 8", "blksize 8"},
		"blocks too small":          {"blksize 7 tsize 0", "tsize 5000"},
		"a window above ours":       {"windowsize 65535", "windowsize 16"},
		"no window":                 {"windowsize 0", ""},
		"the longest timeout":       {"timeout 255", "timeout 255"},
		"a timeout too long":        {"timeout 256", ""},
		"a timeout of nothing":      {"timeout 0", ""},
		"no number":                 {"blksize many timeout -1 windowsize 0x4", ""},
		"a number without bounds":   {"blksize 99999999999999999999999", ""},
		"an option twice":           {"blksize 512 blksize 1024", "blksize 512"},
		"options nobody knows":      {"multicast 1 rollover 0 blksize 512", "blksize 512"},
		"an option without a value": {"blksize", ""},
		"leading zeros":             {"blksize 0001024", "blksize 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			packet := "\x00\x01loader\x00octet\x00"
			if tc.asks != "" {
				packet += strings.ReplaceAll(tc.asks, " ", "\x00") + "\x00"
			}
			a, err := parse([]byte(packet))
			require.NoError(t, err)
			want := ""
			if tc.want != "" {
				want = "\x00\x06" + strings.ReplaceAll(tc.want, " ", "\x00") + "\x00"
			}
			require.Equal(t, want, string(a.oack(5000)))
		})
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	for packet, want := range map[string]error{
		"":                                errMalformed,
		"\x00":                            errMalformed,
		"\x00\x01":                        errMalformed,
		"\x00\x01loader":                  errMalformed,
		"\x00\x01loader\x00octet":         errMalformed,
		"\x00\x01loader\x00netascii\x00":  errMode,
		"\x00\x01loader\x00NetASCII\x00":  errMode,
		"\x00\x02loader\x00octet\x00":     errWrite,
		"\x00\x00loader\x00octet\x00":     errMalformed,
		"\x00\x07loader\x00octet\x00":     errMalformed,
		"\x01\x00loader\x00octet\x00":     errMalformed,
		"\x00\x01loader\x00\x00":          nil, // a ROM that leaves the mode empty
		"\x00\x01loader\x00octet\x00\xff": nil, // padding
	} {
		_, err := parse([]byte(packet))
		require.Equal(t, want, err, "%q", packet)
	}
}

func TestNamesCarryTheMachine(t *testing.T) {
	const mac = "52:54:00:77:00:01"
	for name, want := range map[string][2]string{
		"snponly.efi":                           {"", "snponly.efi"},
		"52-54-00-77-00-01/snponly.efi":         {mac, "snponly.efi"},
		"/52-54-00-77-00-01/snponly.efi":        {mac, "snponly.efi"},
		`\52-54-00-77-00-01\SNPONLY.EFI`:        {mac, "SNPONLY.EFI"},
		"525400770001/snponly.efi":              {mac, "snponly.efi"},
		"52:54:00:77:00:01//snponly.efi\xff":    {mac, "snponly.efi"},
		"52-54-00-77-00-01":                     {"", "52-54-00-77-00-01"},
		"52-54-00-77-00-01/":                    {mac, ""},
		"52-54-00-77-00/snponly.efi":            {"", "52-54-00-77-00/snponly.efi"},
		"52-54-00-77-00-01-02-03/snponly.efi":   {"", "52-54-00-77-00-01-02-03/snponly.efi"},
		"52-54-00-77-00-01/../snponly.efi":      {mac, "../snponly.efi"},
		"../52-54-00-77-00-01/snponly.efi":      {"", "../52-54-00-77-00-01/snponly.efi"},
		"52-54-00-77-00-01/x/snponly.efi":       {mac, "x/snponly.efi"},
		"ipxe/52-54-00-77-00-01/snponly.efi":    {"", "ipxe/52-54-00-77-00-01/snponly.efi"},
		"snponly.efi\xff\xff":                   {"", "snponly.efi"},
		"\xc3\x28snponly.efi":                   {"", "\xc3\x28snponly.efi"},
		"snponly.efi\xc3":                       {"", "snponly.efi\xc3"},
		strings.Repeat(`\/`, 100) + "ipxe.efi":  {"", "ipxe.efi"},
		"5254.0077.0001/ipxe.efi":               {mac, "ipxe.efi"},
		"52540077000g/ipxe.efi":                 {"", "52540077000g/ipxe.efi"},
		"52-54-00-77-00-01\x01/ipxe.efi":        {"", "52-54-00-77-00-01\x01/ipxe.efi"},
		"52-54-00-77-00-01/52-54-00-77-00-01/x": {mac, "52-54-00-77-00-01/x"},
	} {
		mac, bare := split(name)
		require.Equal(t, want, [2]string{mac.String(), bare}, "%q", name)
	}
}

// U-Boot asks for a timeout of 5 s: then nothing is sent again sooner.
func TestTheClientsTimeoutHolds(t *testing.T) {
	now := time.Unix(1000, 0)
	a, err := parse([]byte("\x00\x01loader\x00octet\x00timeout\x005\x00"))
	require.NoError(t, err)
	s := newSender(usualPace(), &a, 5000, now)
	s.greeted(now)
	require.True(t, s.ack(0, now.Add(time.Millisecond)))
	s.next(now)
	require.False(t, s.overdue(now.Add(4900*time.Millisecond)))
	require.True(t, s.overdue(now.Add(5*time.Second)))
	require.False(t, s.silent(now.Add(19*time.Second)), "it has four times its own timeout")
	require.True(t, s.silent(now.Add(21*time.Second)))
}
