// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// loopWire is a port on loopback addresses.
type loopWire struct{ lease netip.Prefix }

func (w loopWire) Lease(context.Context) (netip.Prefix, error) { return w.lease, nil }
func (loopWire) Assign(netip.Prefix) error                     { return nil }
func (loopWire) Release(netip.Prefix) error                    { return nil }
func (loopWire) Announce(netip.Addr) error                     { return nil }

func (loopWire) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	var lc net.ListenConfig

	return lc.Listen(ctx, "tcp4", at.String())
}

// fakeKubernetes remembers the nodes, and its API server answers each connection with a word.
type fakeKubernetes struct {
	mu    sync.Mutex
	nodes map[string]talosim.KubernetesNode
	down  map[string]bool
}

func (k *fakeKubernetes) Kubeconfig(server string) ([]byte, error) {
	return []byte("server: " + server), nil
}

func (k *fakeKubernetes) RegisterNode(_ context.Context, node talosim.KubernetesNode) error {
	k.mu.Lock()
	defer k.mu.Unlock()

	k.nodes[node.Name], k.down[node.Name] = node, false

	return nil
}

func (k *fakeKubernetes) SetDown(_ context.Context, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()

	k.down[name] = true

	return nil
}

func (k *fakeKubernetes) Dial(context.Context) (net.Conn, error) {
	near, far := net.Pipe()

	go func() {
		_, _ = far.Write([]byte("apiserver"))
		_ = far.Close()
	}()

	return near, nil
}

func (k *fakeKubernetes) state(name string) (node talosim.KubernetesNode, down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()

	return k.nodes[name], k.down[name]
}

// testLab is a LAN of machines that are in Talos already, under 127.prefix.0.0/24.
type testLab struct {
	*testing.T

	prefix     byte
	peers      *talosim.Peers
	kubernetes *fakeKubernetes
	bundle     *secrets.Bundle
	timing     talosim.Timing
	security   runtime.SecurityStateSpec
	version    string                // that was netbooted
	change     func(*talosim.Config) // of each machine's next boot; nil: nothing
}

// oneBundle is shared by most tests: its RSA key takes a second to make.
var oneBundle = sync.OnceValue(func() *secrets.Bundle {
	bundle, err := secrets.NewBundle(secrets.NewFixedClock(time.Now()), config.TalosVersion1_13)
	if err != nil {
		panic(err)
	}

	return bundle
})

func newBundle(t *testing.T) *secrets.Bundle {
	t.Helper()

	bundle, err := secrets.NewBundle(secrets.NewFixedClock(time.Now()), config.TalosVersion1_13)
	require.NoError(t, err)

	return bundle
}

func newLab(t *testing.T, prefix byte) *testLab {
	t.Helper()

	return &testLab{
		T: t, prefix: prefix, version: "v1.13.9", peers: &talosim.Peers{}, bundle: oneBundle(),
		kubernetes: &fakeKubernetes{nodes: map[string]talosim.KubernetesNode{}, down: map[string]bool{}},
	}
}

func (l *testLab) address(last byte) netip.Addr {
	return netip.AddrFrom4([4]byte{127, l.prefix, 0, last})
}

// testMachine boots again and again until its power is cut.
type testMachine struct {
	lab     *testLab
	number  byte
	storage *talosim.Storage
	faults  *testFaults
	cut     context.CancelFunc
	stopped chan struct{}

	mu     sync.Mutex
	stages []talosim.Stage
}

type testFaults struct {
	mu     sync.Mutex
	next   map[string]talosim.Fault
	behind bool // the time is not synced
	ailing talosim.Ailments
}

func (f *testFaults) Call(method string) talosim.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()

	fault := f.next[method]
	delete(f.next, method)

	return fault
}

func (f *testFaults) TimeSynced() bool {
	f.mu.Lock()
	defer f.mu.Unlock()

	return !f.behind
}

// machine number n leases .100+n and is told by its config to be .10+n.
func (l *testLab) machine(number byte) *testMachine {
	m := &testMachine{
		lab: l, number: number, storage: &talosim.Storage{}, faults: &testFaults{next: map[string]talosim.Fault{}},
	}
	m.on()
	l.Cleanup(m.off)

	return m
}

func (m *testMachine) on() {
	ctx, cut := context.WithCancel(m.lab.Context())
	m.cut, m.stopped = cut, make(chan struct{})

	go func() {
		defer close(m.stopped)

		for {
			if _, err := talosim.Boot(ctx, m.config()); err != nil {
				if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
					m.lab.Error(err)
				}

				return
			}
		}
	}()
}

func (m *testMachine) off() {
	m.cut()
	<-m.stopped
}

func (m *testMachine) config() talosim.Config {
	config := talosim.Config{
		Hardware: talosim.Hardware{
			MAC:  net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, m.number},
			UUID: fmt.Sprintf("11111111-2222-3333-4444-0000000000%02x", m.number), Serial: fmt.Sprintf("SN%d", m.number),
			Manufacturer: "cozy-install lab", Product: "simulated machine",
			Disks: []talosim.Disk{
				{Path: "/dev/vda", Size: 100 << 30, Serial: "D1", Model: "SIMULATED", Transport: "virtio"},
				{Path: "/dev/vdb", Size: 200 << 30, Serial: "D2", Model: "SIMULATED", Transport: "virtio"},
			},
			Security: m.lab.security,
		},
		Disks: m.storage, Wire: loopWire{lease: netip.PrefixFrom(m.lab.address(100+m.number), 24)},
		Peers: m.lab.peers, Kubernetes: m.lab.kubernetes, Version: m.lab.version,
		NodeAddress: func(own netip.Addr) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, own.As4()[3]}) },
		Clock:       clock.Clock{Speed: 100}, Timing: m.lab.timing, Faults: m.faults,
		Ailing:  m.faults.ailments,
		OnStage: m.enters,
	}
	if m.lab.change != nil {
		m.lab.change(&config)
	}

	return config
}

func (m *testMachine) enters(stage talosim.Stage) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.stages = append(m.stages, stage)
}

func (m *testMachine) seenStages() []talosim.Stage {
	m.mu.Lock()
	defer m.mu.Unlock()

	return slices.Clone(m.stages)
}
