// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/talos"
)

// countedPort counts the connections that a machine's API takes.
type countedPort struct {
	loopback

	taken *atomic.Int32
}

func (p countedPort) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	listener, err := p.loopback.Listen(ctx, at)
	return countedListener{listener, p.taken}, err
}

type countedListener struct {
	net.Listener

	taken *atomic.Int32
}

func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.taken.Add(1)
	}
	return conn, err
}

func TestAMachineIsGivenItsConfigOverOneConnection(t *testing.T) {
	var taken atomic.Int32
	machinesWith(t, map[byte]func(*talosim.Config){5: func(c *talosim.Config) {
		c.Wire = countedPort{loopback: c.Wire.(loopback), taken: &taken}
	}})
	b := withSecrets(t, machineSiteWith(t, "mode: off", "mode: off"))
	seen, err := b.observe(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, seen["w1"].inventory.Disks)

	taken.Store(0)
	require.NoError(t, b.applyAll(t.Context(), seen, func(string, ...any) {}))
	require.Equal(t, Took, b.applied["w1"].Result)
	require.EqualValues(t, 1, taken.Load(), "its clock is read, and its config tried and sent, over the same")
}

func TestTheHardwareOfAMachineThatTookItsConfigIsNotReadAgainInThatBoot(t *testing.T) {
	started := machinesWith(t, map[byte]func(*talosim.Config){5: func(*talosim.Config) {}})
	b := withSecrets(t, machineSiteWith(t, "mode: off", "mode: off"))
	b.given = map[string]string{"w1": started[5].shown()}
	seen, err := b.observe(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.Maintenance, seen["w1"].state)
	require.Empty(t, seen["w1"].inventory.Disks)

	b.given["w1"] = "another boot"
	seen, err = b.observe(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, seen["w1"].inventory.Disks)
}
