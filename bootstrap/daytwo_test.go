// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// runningSite is a site of three control planes and a worker, whose machines run from the start.
const runningSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: test}
domain: example.org
bundle: paas-full
talos: {version: v1.12.4, factory: "http://127.NET.7.1:8080"}
kubernetes: {version: v1.34.4}
network: {nodeSubnet: 127.NET.7.0/28, vip: 127.NET.7.10, gateway: 127.NET.7.1, dnsServers: [127.NET.7.1]}
netboot: {interface: lo, mode: off}
nodes:
- {name: cp1, role: controlplane, mac: "52:54:00:14:00:02", address: 127.NET.7.2, disk: {serial: D2}}
- {name: cp2, role: controlplane, mac: "52:54:00:14:00:03", address: 127.NET.7.3, disk: {serial: D3}}
- {name: cp3, role: controlplane, mac: "52:54:00:14:00:04", address: 127.NET.7.4, disk: {serial: D4}}
- {name: w1, role: worker, mac: "52:54:00:14:00:05", address: 127.NET.7.5, disk: {serial: D5}}
`

// rack is the machines of a running site, and the cluster that they are in.
type rack struct {
	*testing.T

	text    string // of the site file
	workDir string
	peers   *talosim.Peers
	nodes   *fakeNodes
	units   map[string]*unit

	cluster dynamic.Interface // nil: no objects but nodes are asked for

	mu     sync.Mutex
	events []string // "cp1 upgrade"
}

// unit is one machine of a rack, fifty times as fast as a real one.
type unit struct {
	rack    *rack
	name    string
	number  byte
	card    byte // in its hardware address
	disks   *talosim.Storage
	cut     context.CancelFunc
	stopped chan struct{}

	mu     sync.Mutex
	faults map[string]talosim.Fault
	behind bool
}

// newRack installs and starts the machines of a site on the loopback network 127.network.0.0/16, and bootstraps etcd.
func newRack(t *testing.T, network byte) *rack {
	t.Helper()
	r := &rack{
		T: t, text: strings.ReplaceAll(runningSite, "NET", fmt.Sprint(network)), workDir: t.TempDir(), peers: &talosim.Peers{},
		nodes: &fakeNodes{client: fake.NewClientset()}, units: map[string]*unit{},
	}
	b := r.bringup()
	_, err := phase.Runner{}.Run(t.Context(), []phase.Phase{b.createSecrets()})
	require.NoError(t, err)
	configs, err := b.machineConfigs(b.site.Nodes, nil)
	require.NoError(t, err)
	for i, node := range b.site.Nodes {
		u := &unit{rack: r, name: node.Name, number: node.Address.As4()[3], disks: &talosim.Storage{}, faults: map[string]talosim.Fault{}}
		u.disks.Install(configs[i], "/dev/vda")
		r.units[node.Name] = u
		u.on(network)
		t.Cleanup(u.off)
	}
	require.NoError(t, b.chooseBootstrapNode(t.Context()))
	require.NoError(t, b.startEtcd(t.Context(), r.say))
	require.NoError(t, b.awaitSteady(t.Context(), r.say, b.site.Nodes))
	require.NoError(t, b.dir.Close())
	return r
}

// bringup is a new run on the site, with texts of its file replaced by others.
func (r *rack) bringup(wasIs ...string) *bringup {
	r.Helper()
	text := r.text
	for i := 0; i < len(wasIs); i += 2 {
		require.Contains(r, text, wasIs[i])
		text = strings.Replace(text, wasIs[i], wasIs[i+1], 1)
	}
	s, err := site.Parse("site.yaml", []byte(text))
	require.NoError(r, err)
	dir, err := workdir.Open(r.workDir)
	require.NoError(r, err)
	r.Cleanup(func() { _ = dir.Close() }) // it may be closed already
	b, err := newBringup(Options{Site: s, WorkDir: r.workDir, NodeTimeout: time.Minute}, dir)
	require.NoError(r, err)
	b.plan.Talos.DisableKubeProxy = false // a rack keeps it: that has one step more
	b.cluster = &kube.Client{Config: &rest.Config{Host: "https://fake"}, Typed: readyCluster{r.nodes.client}, Dynamic: r.cluster}
	b.installed = func(context.Context) ([]bundles.Installed, error) { return nil, nil }
	return b
}

// carryOut runs a change to its end or its error, and gives the work directory back.
func (r *rack) carryOut(ctx context.Context, b *bringup, w Work) ([]phase.Result, error) {
	r.Helper()
	defer func() { require.NoError(r, b.dir.Close()) }()
	phases, err := w.list(b)
	require.NoError(r, err)
	return phase.Runner{Reporter: told(func(message string) { r.say("%s", message) })}.Run(ctx, phases)
}

func (r *rack) say(format string, args ...any) { r.Logf("    "+format, args...) }

func (r *rack) note(event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

// happened gives the events of some kinds since the last call, in their order.
func (r *rack) happened(kinds ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []string{}
	defer func() { r.events = nil }()
	for _, event := range r.events {
		for _, kind := range kinds {
			if strings.Contains(event+" ", " "+kind+" ") {
				out = append(out, event)
			}
		}
	}
	return out
}

// killedAt gives a context that ends when an event has happened, as a run does whose bastion loses its power. Call stop when
// the run has ended.
func (r *rack) killedAt(ctx context.Context, event string) (killed context.Context, stop func()) {
	killed, kill := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for killed.Err() == nil {
			r.mu.Lock()
			if slices.Contains(r.events, event) {
				kill()
			}
			r.mu.Unlock()
			time.Sleep(5 * time.Millisecond)
		}
	})
	return killed, func() {
		kill()
		watching.Wait()
	}
}

func (u *unit) on(network byte) {
	ctx, cut := context.WithCancel(u.rack.Context())
	u.cut, u.stopped = cut, make(chan struct{})
	config := talosim.Config{
		Hardware: talosim.Hardware{
			MAC: net.HardwareAddr{0x52, 0x54, 0, 0x14, u.card, u.number}, UUID: fmt.Sprintf("11111111-2222-3333-4444-0000000000%02x", u.number),
			Disks: []talosim.Disk{{Path: "/dev/vda", Size: 100 << 30, Serial: fmt.Sprintf("D%d", u.number), Transport: "virtio"}},
		},
		Disks: u.disks, Wire: loopback{address: netip.PrefixFrom(netip.AddrFrom4([4]byte{127, network, 7, u.number}), 28)},
		Peers: u.rack.peers, Kubernetes: u.rack.nodes, Version: "v1.12.4", Clock: clock.Clock{Speed: 50}, Faults: u,
		Report: func(event string, details map[string]string) {
			for _, key := range []string{"component", "version"} {
				event += " " + details[key]
			}
			u.rack.note(strings.TrimSpace(u.name + " " + event))
		},
	}
	go func(stopped chan struct{}) {
		defer close(stopped)
		for ctx.Err() == nil {
			if _, err := talosim.Boot(ctx, config); err != nil && !errors.Is(err, context.Canceled) {
				u.rack.Errorf("%s: %v", u.name, err)
				return
			}
		}
	}(u.stopped)
}

func (u *unit) off() {
	u.cut()
	<-u.stopped
}

func (u *unit) order(method string, fault talosim.Fault) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.faults[method] = fault
}

// Call implements talosim.Faults.
func (u *unit) Call(method string) talosim.Fault {
	u.mu.Lock()
	defer u.mu.Unlock()
	fault := u.faults[method]
	delete(u.faults, method)
	return fault
}

// TimeSynced implements talosim.Faults.
func (u *unit) TimeSynced() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.behind
}
