// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/talos"
)

// The answer is checked as NTP clients do: RFC 5905, section 8 and appendix A.5.1.1.
func TestTheTimeServerAnswersAsNTPServersDo(t *testing.T) {
	server, err := serveTime(t.Context())
	require.NoError(t, err)
	defer server.close()
	at, err := server.at(addrOf("127.0.0.1"))
	require.NoError(t, err)
	conn, err := net.Dial("udp", at)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))

	_, err = conn.Write([]byte("not a question"))
	require.NoError(t, err)
	question := make([]byte, 48)
	question[0] = 4<<3 | 3
	copy(question[40:], "mine8byt")
	_, err = conn.Write(question)
	require.NoError(t, err)
	answer := make([]byte, 512)
	n, err := conn.Read(answer)
	require.NoError(t, err)
	require.Equal(t, 48, n, "no more than was asked")
	require.Equal(t, byte(4<<3|4), answer[0], "version 4, server, no leap second")
	require.Equal(t, byte(10), answer[1])
	require.Equal(t, "mine8byt", string(answer[24:32]), "by this the asker knows its answer")
	seconds := int64(binary.BigEndian.Uint32(answer[40:])) - 2208988800
	require.InDelta(t, time.Now().Unix(), seconds, 5)
	require.LessOrEqual(t, binary.BigEndian.Uint64(answer[16:]), binary.BigEndian.Uint64(answer[40:]))
}

func TestNTPTimeHasItsFraction(t *testing.T) {
	require.Equal(t, uint64(2208988801)<<32|1<<31, ntpTime(time.Unix(1, 500_000_000)))
	require.Equal(t, uint64(0), ntpTime(time.Unix(1<<32-2208988800, 0)), "it begins anew in 2036")
}

func TestAClockThatNobodyWillSetIsRefusedAtOnce(t *testing.T) {
	nodes := []site.Node{{Name: "cp1"}, {Name: "cp2"}, {Name: "cp3"}}
	synced := talos.TimeStatus{Synced: true, Servers: []string{"10.0.0.1"}}
	for name, test := range map[string]struct {
		cp1, cp2 clockFacts
		want     string
		final    bool
	}{
		"right":           {clockFacts{status: synced}, clockFacts{status: synced, offset: 4 * time.Second}, "", false},
		"unread":          {clockFacts{offsetErr: errors.New("x"), offset: time.Hour}, clockFacts{}, "", false},
		"off and content": {clockFacts{status: synced, offset: time.Minute}, clockFacts{}, "the clock of cp1 is 1m0s ahead of this host's clock; in sync with time servers 10.0.0.1", true},
		"off and trying":  {clockFacts{offset: -time.Minute}, clockFacts{}, "the clock of cp1 is 1m0s behind this host's clock; not in sync with no time servers", false},
		"off and not trying": {
			clockFacts{status: talos.TimeStatus{Disabled: true}, offset: time.Minute},
			clockFacts{},
			"the clock of cp1 is 1m0s ahead of this host's clock; time synchronisation is off", true,
		},
		"both": {
			clockFacts{status: synced, offset: time.Minute},
			clockFacts{offset: time.Hour},
			"the clock of cp1 is 1m0s ahead of this host's clock; in sync with time servers 10.0.0.1\n" +
				"the clock of cp2 is 1h0m0s ahead of this host's clock; not in sync with no time servers", false,
		},
	} {
		err := clocksRight(nodes, map[string]clockFacts{"cp1": test.cp1, "cp2": test.cp2})
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.EqualError(t, err, test.want, name)
		once := wait.Until(t.Context(), wait.Check{Timeout: time.Millisecond, Probe: func(context.Context) error { return err }})
		timeout := (*wait.TimeoutError)(nil)
		require.Equal(t, !test.final, errors.As(once, &timeout), name)
	}
}

// Nothing is written to any machine while the clock of one is wrong. Maintenance mode of 1.11 and 1.12 has no call for the
// time.
func TestAMachineWhoseClockIsOffGetsNoConfigAndNeitherDoOthers(t *testing.T) {
	for _, version := range []string{"v1.11.6", "v1.12.6", "v1.13.9"} {
		t.Run(version, func(t *testing.T) {
			peers := &talosim.Peers{}
			late := startMachine(t, peers, 2, func(c *talosim.Config) {
				c.Version = version
				c.Ailing = func() talosim.Ailments { return talosim.Ailments{ClockOffset: -10 * time.Second} }
			})
			right := startMachine(t, peers, 5, func(c *talosim.Config) { c.Version = version })
			for _, m := range []*simulated{late, right} {
				require.Eventually(t, func() bool { return m.shown() != "" }, 2*time.Minute, 10*time.Millisecond)
			}
			_, err := Up(t.Context(), Options{Site: machineSiteWith(t, "", ""), WorkDir: t.TempDir(), Until: "apply", Reporter: told(func(string) {})})
			var clock *ClockSkewError
			require.ErrorAs(t, err, &clock)
			require.Equal(t, "cp1", clock.Node)
			require.InDelta(t, -10, clock.Offset.Seconds(), 5)
			require.ErrorContains(t, err, "behind this host's clock; in sync with time servers time.cloudflare.com")
			require.Contains(t, clock.Hint(), "one of the two clocks is wrong")
			require.False(t, late.disks.Installed())
			require.False(t, right.disks.Installed(), "and no other machine is touched")
		})
	}
}
