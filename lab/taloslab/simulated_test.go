// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/lab/taloslab"
	"github.com/cozystack/cozy-install/talos"
)

// simWire is a port of the lab's network whose machine always gets the same address.
type simWire struct {
	lan.Port

	lease netip.Prefix
}

func (w simWire) Lease(context.Context) (netip.Prefix, error) { return w.lease, nil }

// noKubernetes answers nobody, as the API of a control plane does that is only starting.
type noKubernetes struct{}

func (noKubernetes) Kubeconfig(server string) ([]byte, error) {
	return []byte("server: " + server), nil
}

func (noKubernetes) RegisterNode(context.Context, talosim.KubernetesNode) error { return nil }

func (noKubernetes) SetDown(context.Context, string) error { return nil }

func (noKubernetes) Dial(context.Context) (net.Conn, error) {
	return nil, errors.New("nobody is there")
}

func simulatedMAC(number byte) net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, number}
}

// startSimulated starts a simulated machine of the real nodes' version beside them, and waits for its maintenance mode. It is
// twenty times as fast as a real machine.
func startSimulated(t *testing.T, lab *taloslab.Lab, number byte) (netip.AddrPort, talos.Answer) {
	t.Helper()
	mac := simulatedMAC(number)
	port, err := lab.Attach(t.Context(), "simulated", mac)
	require.NoError(t, err)
	address := netip.AddrFrom4([4]byte{10, 77, 0, number})
	cfg := talosim.Config{
		Hardware: talosim.Hardware{
			MAC: mac, UUID: "11111111-2222-3333-4444-000000000001", Serial: "SN1", Manufacturer: "cozy-install lab", Product: "simulated machine",
			Disks: []talosim.Disk{{Path: "/dev/vda", Size: 100 << 30, Serial: "none0", Model: "SIMULATED", Transport: "virtio"}},
		},
		Disks: &talosim.Storage{}, Wire: simWire{port, netip.PrefixFrom(address, 24)}, Peers: &talosim.Peers{},
		Kubernetes: noKubernetes{}, Version: lab.TalosVersion, Clock: clock.Clock{Speed: 20},
	}
	ctx, cut := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Err() == nil {
			if _, err := talosim.Boot(ctx, cfg); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	}()
	t.Cleanup(func() { cut(); <-stopped })
	addr := netip.AddrPortFrom(address, talos.Port)
	return addr, awaitState(t, addr, talos.Maintenance, nil)
}
