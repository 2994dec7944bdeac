// SPDX-License-Identifier: Apache-2.0

// Package world puts a whole simulated site together around the real product: a rack of simulated machines for the nodes
// of a site file, the site's own DHCP server and image factory (simulated), the network between them and the bastion, the
// lab's control plane, the real cozy-controller where the plane plays its pod, and stand-ins for upstream charts.
//
// It refuses to know what the product does: `cozy-install` is run on the bastion as an operator would run it. The network is
// one of namespaces, or where those can't be had one of relays on loopback: see Network.
//
// Still missing: workers' own load, more than one site, and machines that lose their heartbeat while they are off.
package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/build"
	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/fleet/kubesim"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/lab/owncharts"
	"github.com/cozystack/cozy-install/lab/plane"
)

// Config of a world.
type Config struct {
	// Dir takes all files. Required; it must hold no former world.
	Dir string
	// SiteFile is the site whose machines, addresses and factory are simulated. See World.SiteFile.
	SiteFile string
	Network  Network // zero: Auto
	Programs Programs
	// Tools are the lab's programs. Zero: built, or taken from the cache.
	Tools build.Set
	// WithoutPlane puts a simulated API that only knows nodes in the place of the lab's control plane: for bring-ups that
	// end when the nodes have registered.
	WithoutPlane bool
	// DataDisk gives each machine a second disk, with somebody's data on it.
	DataDisk bool
	// Spares are machines in the rack that the site file does not name.
	Spares []fleet.MachineSpec
	// Speed divides the machines' own durations. Zero: 1.
	Speed float64
	Log   *slog.Logger // nil: nothing is logged
}

// World is a running simulated site.
type World struct {
	Plane *plane.Plane    // nil without one
	API   *kubesim.Server // nil with a plane
	Fleet *fleet.Fleet

	*surroundings // nil before the start got there

	cfg     Config
	life    context.Context //nolint:containedctx // it ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	errs []error // of what ran in the background

	outside []*http.Server // what is of the world outside: see CutOutside
}

// Start starts everything but the machines, which are off. ctx bounds the start only: the world runs until Close. After an
// error nothing is left running.
func Start(ctx context.Context, cfg Config) (*World, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, err
	}
	if cfg.SiteFile, err = filepath.Abs(cfg.SiteFile); err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &World{cfg: cfg, life: life, cancel: cancel}
	if err := w.start(ctx, life); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) start(ctx, life context.Context) (err error) {
	if err := os.MkdirAll(w.LoaderDir(), 0o755); err != nil {
		return err
	}
	if err := sitesim.WriteLoaders(w.LoaderDir()); err != nil {
		return err
	}
	if w.surroundings, err = surround(ctx, w.cfg); err != nil {
		return err
	}
	charts, err := w.makeStandIns(ctx)
	if err != nil {
		return err
	}
	w.serveSite(life)
	w.serveFactory(life, charts)
	kubernetes, err := w.startKubernetes(ctx)
	if err != nil {
		return err
	}
	if w.Plane != nil {
		if err := w.giveCharts(life, charts); err != nil {
			return err
		}
	}
	machines, err := machinesOf(w.site, w.cfg.DataDisk)
	if err != nil {
		return err
	}
	w.Fleet, err = fleet.New(fleet.Config{
		Machines: append(machines, w.cfg.Spares...), Network: w.plugs, Clock: fleet.Clock{Speed: w.cfg.Speed},
		Kubernetes: kubernetes, TalosVersion: w.site.Talos.Version, Log: w.cfg.Log,
	})
	if err != nil {
		return err
	}
	w.background(func() error { return w.Fleet.Run(life) })
	return nil
}

// startKubernetes starts what the machines' Kubernetes API leads to.
func (w *World) startKubernetes(ctx context.Context) (_ fleet.KubernetesLink, err error) {
	if w.cfg.WithoutPlane {
		w.API, err = kubesim.Start(ctx)
		return w.API, err
	}
	var names []string
	for _, name := range apiNames(w.site) {
		names = append(names, name.String())
	}
	w.Plane, err = plane.Run(ctx, plane.Config{
		Dir: filepath.Join(w.cfg.Dir, "plane"), Tools: w.cfg.Tools, SANs: names, PodCIDR: w.site.Network.NodePodSubnet, Log: w.cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	pods, err := owncharts.ControllerPods(w.cfg.Programs.Controller)
	if err != nil {
		return nil, err
	}
	return link{w.Plane}, w.Plane.RunPods(pods)
}

// serveSite runs what a site has of its own: a plain DHCP server.
func (w *World) serveSite(life context.Context) {
	network := w.site.Network
	first, last := pool(network.NodeSubnet)
	dhcp := &sitesim.DHCP{
		Server: network.Gateway, First: first, Last: last, Bits: network.NodeSubnet.Bits(), Router: network.Gateway, Log: w.cfg.Log,
	}
	w.background(func() error { return dhcp.Serve(life, w.dhcp) })
}

// LoaderDir holds the simulated iPXE binaries, for --ipxe-dir.
func (w *World) LoaderDir() string { return filepath.Join(w.cfg.Dir, "ipxe") }

// Network is the kind of network that the world is on, never Auto.
func (w *World) Network() Network { return w.kind }

// SiteFile is the absolute path of the site file for this world: the configured one, or a copy for loopback.
func (w *World) SiteFile() string { return w.siteFile }

// UpArgs are the arguments that `cozy-install up` needs in this world: the site file, the iPXE binaries, stand-ins for
// upstream charts and, through a relay, the ports.
func (w *World) UpArgs() []string {
	return append([]string{"-f", w.SiteFile(), "--chart-source", w.chartSource()}, w.NetbootArgs()...)
}

// NetbootArgs are those of them that every command needs which serves netboot.
func (w *World) NetbootArgs() []string {
	return append([]string{"--ipxe-dir", w.LoaderDir()}, w.upArgs...)
}

// StartOnBastion starts a command on the bastion.
func (w *World) StartOnBastion(cmd *exec.Cmd) error { return w.startOnBastion(cmd) }

// BastionPath names the bastion's network namespace for other processes, while this one lives. Empty: the own one.
func (w *World) BastionPath() string {
	if w.network == nil {
		return ""
	}
	return w.network.Bastion.Path()
}

// Close ends everything and returns when nothing is left. Files stay. It may be called twice.
func (w *World) Close() error {
	w.cancel()
	w.running.Wait()
	var errs []error
	if w.Plane != nil {
		errs = append(errs, w.Plane.Stop())
	}
	if w.API != nil {
		errs = append(errs, w.API.Close())
		w.API = nil
	}
	if w.surroundings != nil {
		errs = append(errs, w.close())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(append(errs, w.errs...)...)
}

// machinesOf makes a machine for each node, by turns with BIOS firmware, UEFI firmware, and UEFI firmware that boots by HTTP.
func machinesOf(s *site.Site, dataDisk bool) ([]fleet.MachineSpec, error) {
	kinds := []fleet.Firmware{fleet.BIOS, fleet.UEFI, fleet.UEFIHTTP}
	out := make([]fleet.MachineSpec, 0, len(s.Nodes))
	for i, n := range s.Nodes {
		mac, err := net.ParseMAC(n.MAC)
		if err != nil {
			return nil, fmt.Errorf("simulate %s: it needs a mac in the site file: %w", n.Name, err)
		}
		m := fleet.MachineSpec{
			Name: n.Name, MAC: mac, UUID: n.UUID, Serial: n.Serial, Firmware: kinds[i%len(kinds)],
			Disks: []fleet.Disk{{Path: "/dev/vda", Size: 100 << 30, Model: "SIMULATED", Serial: n.Disk.Serial, Transport: "virtio"}},
		}
		if dataDisk {
			m.Disks = append(m.Disks, fleet.Disk{
				Path: "/dev/vdb", Size: 200 << 30, Model: "DATA", Serial: n.Disk.Serial + "-DATA", Transport: "virtio",
				Holds: fleet.Contents{Format: "xfs", Label: "data"},
			})
		}
		out = append(out, m)
	}
	return out, nil
}
