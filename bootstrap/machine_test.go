// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// machineSite has a control plane and a worker, which are started by somebody else than us. Nobody but simulated machines
// listens in its network.
const machineSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: test}
domain: example.org
bundle: paas-full
talos: {factory: "http://127.212.7.1:8080"}
network: {nodeSubnet: 127.212.7.0/28, vip: 127.212.7.10, gateway: 127.212.7.1, dnsServers: [127.212.7.1]}
netboot: {interface: lo, mode: off}
nodes:
- {name: cp1, role: controlplane, mac: "52:54:00:12:00:02", address: 127.212.7.2, disk: {serial: D2}}
- {name: w1, role: worker, mac: "52:54:00:12:00:05", address: 127.212.7.5, disk: {serial: D5}}
`

func machineSiteWith(t *testing.T, was, is string) *site.Site {
	t.Helper()
	require.Contains(t, machineSite, was)
	s, err := site.Parse("site.yaml", []byte(strings.Replace(machineSite, was, is, 1)))
	require.NoError(t, err)
	return s
}

// simulated is a machine with Talos on it, a hundred times as fast as a real one.
type simulated struct {
	disks   *talosim.Storage
	on, off func()

	mu      sync.Mutex
	console string // the fingerprint that it shows
}

// loopback is a machine's port on the loopback interface, where it leases the address that it will have later.
type loopback struct{ address netip.Prefix }

func (l loopback) Lease(context.Context) (netip.Prefix, error) { return l.address, nil }
func (loopback) Assign(netip.Prefix) error                     { return nil }
func (loopback) Release(netip.Prefix) error                    { return nil }
func (loopback) Announce(netip.Addr) error                     { return nil }

func (loopback) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	var listener net.ListenConfig
	return listener.Listen(ctx, "tcp4", at.String())
}

// machines starts machines by the last byte of their addresses and of their MACs, each with how it was started, and waits
// until all show their fingerprints.
func machines(t *testing.T, with map[byte]runtime.SecurityStateSpec) map[byte]*simulated {
	t.Helper()
	change := map[byte]func(*talosim.Config){}
	for number, security := range with {
		change[number] = func(c *talosim.Config) { c.Hardware.Security = security }
	}
	return machinesWith(t, change)
}

// machinesWith is machines with anything changed.
func machinesWith(t *testing.T, with map[byte]func(*talosim.Config)) map[byte]*simulated {
	t.Helper()
	peers := &talosim.Peers{}
	out := map[byte]*simulated{}
	for number, change := range with {
		out[number] = startMachine(t, peers, number, change)
	}
	for number, m := range out {
		require.Eventually(t, func() bool { return m.shown() != "" }, 2*time.Minute, 10*time.Millisecond, "machine %d", number)
	}
	return out
}

func startMachine(t *testing.T, peers *talosim.Peers, number byte, change func(*talosim.Config)) *simulated {
	t.Helper()
	m := &simulated{disks: &talosim.Storage{}}
	config := talosim.Config{
		Hardware: talosim.Hardware{
			MAC: net.HardwareAddr{0x52, 0x54, 0, 0x12, 0, number}, UUID: fmt.Sprintf("11111111-2222-3333-4444-0000000000%02x", number),
			Serial: fmt.Sprintf("SN%d", number), Manufacturer: "ACME", Product: "Rack",
			Processors: []talosim.Processor{{Model: "Simulated", Cores: 4, Threads: 8}}, Memory: 32 << 30,
			Disks: []talosim.Disk{{Path: "/dev/vda", Size: 100 << 30, Serial: fmt.Sprintf("D%d", number), Transport: "virtio"}},
		},
		Disks: m.disks, Wire: loopback{address: netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 212, 7, number}), 28)},
		Peers: peers, Version: "v1.13.9", Clock: clock.Clock{Speed: 100}, Report: m.report,
	}
	change(&config)
	m.on = func() {
		ctx, cut := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		m.off = func() {
			cut()
			<-stopped
		}
		go func() {
			defer close(stopped)
			for ctx.Err() == nil {
				if _, err := talosim.Boot(ctx, config); err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("machine %d: %v", number, err)
					return
				}
			}
		}()
	}
	m.on()
	t.Cleanup(func() { m.off() })
	return m
}

// restart is the reset button.
func (m *simulated) restart() {
	m.off()
	m.on()
}

func (m *simulated) report(event string, details map[string]string) {
	if event == "maintenance" {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.console = details["fingerprint"]
	}
}

func (m *simulated) shown() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.console
}

// told hands each message of a run to a function.
type told func(string)

func (r told) Report(e phase.Event) { r(e.Message) }
