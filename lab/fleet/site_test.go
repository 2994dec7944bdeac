// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/pxe"
)

// kubernetes remembers who registered.
type kubernetes struct {
	mu    sync.Mutex
	nodes map[string]netip.Addr
	down  map[string]bool
}

func newKubernetes() *kubernetes {
	return &kubernetes{nodes: map[string]netip.Addr{}, down: map[string]bool{}}
}

func (*kubernetes) Kubeconfig(string) ([]byte, error) { return []byte("kubeconfig"), nil }

func (k *kubernetes) RegisterNode(_ context.Context, node fleet.KubernetesNode) error {
	k.mu.Lock()
	defer k.mu.Unlock()

	k.nodes[node.Name], k.down[node.Name] = node.InternalIP, false

	return nil
}

func (k *kubernetes) SetDown(_ context.Context, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()

	k.down[name] = true

	return nil
}

func (*kubernetes) Dial(context.Context) (net.Conn, error) {
	near, far := net.Pipe()

	return near, far.Close()
}

// relaySite is a network on loopback with the site's servers, under 127.second.0.0/24.
func relaySite(t *testing.T, second byte) (fleet.Network, *operator, *sitesim.Factory) {
	t.Helper()

	o := &operator{network: [2]byte{127, second}, iface: "lo", dir: t.TempDir()}
	o.ports = pxe.Ports{
		DHCP: freePort(t, o.address(2)), Proxy: freePort(t, o.address(2)), TFTP: freePort(t, o.address(2)),
		HTTP: freePort(t, o.address(2)),
	}

	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: o.address(1).AsSlice(), Port: o.ports.DHCP})
	require.NoError(t, err)
	serveDHCP(t, o, conn)

	listener, err := net.Listen("tcp4", netip.AddrPortFrom(o.address(1), 0).String())
	require.NoError(t, err)

	factory := serveFactory(t, o, listener)

	network, err := lan.NewRelay(lan.RelayConfig{
		Agents: netip.PrefixFrom(netip.AddrFrom4([4]byte{127, second, 1, 0}), 24),
		Servers: []netip.AddrPort{
			netip.AddrPortFrom(o.address(1), uint16(o.ports.DHCP)), netip.AddrPortFrom(o.address(2), uint16(o.ports.DHCP)),
		},
		Ports: lan.Ports{DHCP: o.ports.DHCP, Proxy: o.ports.Proxy, TFTP: o.ports.TFTP},
	})
	require.NoError(t, err)

	return network, o, factory
}

// freePort is one that was free a moment ago, for UDP.
func freePort(t *testing.T, address netip.Addr) int {
	t.Helper()

	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: address.AsSlice()})
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	return conn.LocalAddr().(*net.UDPAddr).Port
}

func serveDHCP(t *testing.T, o *operator, conn net.PacketConn) {
	t.Helper()

	site := &sitesim.DHCP{Server: o.address(1), First: o.address(100), Last: o.address(199), Bits: 24}
	done := make(chan error, 1)

	go func() { done <- site.Serve(t.Context(), conn) }()

	t.Cleanup(func() { require.NoError(t, <-done) })
}

func serveFactory(t *testing.T, o *operator, listener net.Listener) *sitesim.Factory {
	t.Helper()

	factory := &sitesim.Factory{KernelSize: 1 << 20, InitramfsSize: 2 << 20}
	server := &http.Server{Handler: factory}

	go func() { _ = server.Serve(listener) }()

	t.Cleanup(func() { require.NoError(t, server.Close()) })

	o.factory = "http://" + listener.Addr().String()

	return factory
}

// rack starts a fleet: by turns BIOS, UEFI, and UEFI that boots a UKI by HTTP.
func rack(t *testing.T, network fleet.Network, count int, link fleet.KubernetesLink) *fleet.Fleet {
	t.Helper()

	cfg := fleet.Config{Network: network, Clock: fleet.Clock{Speed: 200}, Kubernetes: link}

	for n := 1; n <= count; n++ {
		firmware := []fleet.Firmware{fleet.UEFIHTTP, fleet.BIOS, fleet.UEFI}[n%3]

		cfg.Machines = append(cfg.Machines, fleet.MachineSpec{
			Name: machineName(n), MAC: machineMAC(n), Serial: machineName(n), Firmware: firmware,
			UUID: "11111111-2222-3333-4444-555555555555",
		})
	}

	return runFleet(t, cfg)
}

// runFleet plugs machines in until the test ends.
func runFleet(t *testing.T, cfg fleet.Config) *fleet.Fleet {
	t.Helper()

	f, err := fleet.New(cfg)
	require.NoError(t, err)

	done := make(chan error, 1)

	go func() { done <- f.Run(t.Context()) }()

	t.Cleanup(func() {
		require.NoError(t, <-done)

		if t.Failed() {
			for _, e := range f.Events() {
				t.Log(e.Time.Format("05.000"), e.Machine, e.Kind, e.Details)
			}
		}
	})

	return f
}
