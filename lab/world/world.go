// SPDX-License-Identifier: Apache-2.0

// Package world puts a whole simulated site together around the real product: a rack of simulated machines for the nodes
// of a site file, the site's own DHCP server and image factory (simulated), the network between them and the bastion, the
// lab's control plane, and the real cozy-controller where the plane plays its pod.
//
// It refuses to know what the product does: `cozy-install` is run on the bastion as an operator would run it. As root the
// network is made of network namespaces; without root see Relayed.
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
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/build"
	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/lab/plane"
)

// Config of a world.
type Config struct {
	// Dir takes all files. Required; it must hold no former world.
	Dir string
	// SiteFile is the site whose machines, addresses and factory are simulated.
	SiteFile string
	Programs Programs
	// Tools are the lab's programs. Zero: built, or taken from the cache.
	Tools build.Set
	// Speed divides the machines' own durations. Zero: 1.
	Speed float64
	Log   *slog.Logger // nil: nothing is logged
}

// World is a running simulated site.
type World struct {
	Plane *plane.Plane
	Fleet *fleet.Fleet

	cfg     Config
	site    *site.Site
	network *lan.Netns
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	errs []error // of what ran in the background
}

// Start starts everything but the machines, which are off. ctx bounds the start only: the world runs until Close. After an
// error nothing is left running.
func Start(ctx context.Context, cfg Config) (*World, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s, err := site.Load(cfg.SiteFile)
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &World{cfg: cfg, site: s, cancel: cancel}
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
	if w.network, err = lan.NewNetns(ctx, lan.NetnsConfig{Bastion: w.bastion(), Site: w.router()}); err != nil {
		return err
	}
	if err := w.serveSite(life); err != nil {
		return err
	}
	w.Plane, err = plane.Run(ctx, plane.Config{
		Dir: filepath.Join(w.cfg.Dir, "plane"), Tools: w.cfg.Tools, SANs: w.apiNames(), PodCIDR: w.site.Network.NodePodSubnet, Log: w.cfg.Log,
	})
	if err != nil {
		return err
	}
	pods, err := controllerPods(w.cfg.Programs.Controller)
	if err != nil {
		return err
	}
	if err := w.Plane.RunPods(pods); err != nil {
		return err
	}
	machines, err := machinesOf(w.site)
	if err != nil {
		return err
	}
	w.Fleet, err = fleet.New(fleet.Config{
		Machines: machines, Network: w.network, Clock: fleet.Clock{Speed: w.cfg.Speed},
		Kubernetes: link{w.Plane}, TalosVersion: w.site.Talos.Version, Log: w.cfg.Log,
	})
	if err != nil {
		return err
	}
	w.background(func() error { return w.Fleet.Run(life) })
	return nil
}

// serveSite runs what a site has of its own: a plain DHCP server, and here also the image factory.
func (w *World) serveSite(life context.Context) error {
	factory, err := factoryAddr(w.site)
	if err != nil {
		return err
	}
	conn, err := w.network.Site.ListenDHCP(67)
	if err != nil {
		return fmt.Errorf("site's DHCP server: %w", err)
	}
	first, last := pool(w.site.Network.NodeSubnet)
	dhcp := &sitesim.DHCP{
		Server: w.router().Addr(), First: first, Last: last, Bits: w.site.Network.NodeSubnet.Bits(), Router: w.router().Addr(), Log: w.cfg.Log,
	}
	w.background(func() error { return dhcp.Serve(life, conn) })
	listener, err := w.network.Site.Listen(life, factory)
	if err != nil {
		return fmt.Errorf("simulated image factory: %w", err)
	}
	server := &http.Server{Handler: &sitesim.Factory{}}
	context.AfterFunc(life, func() { _ = server.Close() })
	w.background(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (w *World) background(run func() error) {
	w.running.Go(func() {
		if err := run(); err != nil {
			w.cfg.Log.Error("a part of the simulated site ended", "error", err)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.errs = append(w.errs, err)
		}
	})
}

// LoaderDir holds the simulated iPXE binaries, for --ipxe-dir.
func (w *World) LoaderDir() string { return filepath.Join(w.cfg.Dir, "ipxe") }

// StartOnBastion starts a command on the bastion.
func (w *World) StartOnBastion(cmd *exec.Cmd) error { return w.network.Bastion.Start(cmd) }

// BastionPath names the bastion's network namespace for other processes, while this one lives.
func (w *World) BastionPath() string { return w.network.Bastion.Path() }

// bastion and router are the fixed ends of the network: the site file's gateway, and the address after it.
func (w *World) bastion() netip.Prefix {
	return netip.PrefixFrom(w.site.Network.Gateway.Next(), w.site.Network.NodeSubnet.Bits())
}

func (w *World) router() netip.Prefix {
	return netip.PrefixFrom(w.site.Network.Gateway, w.site.Network.NodeSubnet.Bits())
}

// apiNames are the addresses at which machines serve the Kubernetes API.
func (w *World) apiNames() []string {
	names := []string{w.site.Network.VIP.String()}
	for _, n := range w.site.Nodes {
		names = append(names, n.Address.String())
	}
	return names
}

// Close ends everything and returns when nothing is left. Files stay. It may be called twice.
func (w *World) Close() error {
	w.cancel()
	w.running.Wait()
	var errs []error
	if w.Plane != nil {
		errs = append(errs, w.Plane.Stop())
	}
	if w.network != nil {
		errs = append(errs, w.network.Close())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(append(errs, w.errs...)...)
}

// machinesOf makes a machine for each node, by turns with BIOS and UEFI firmware.
func machinesOf(s *site.Site) ([]fleet.MachineSpec, error) {
	out := make([]fleet.MachineSpec, 0, len(s.Nodes))
	for i, n := range s.Nodes {
		mac, err := net.ParseMAC(n.MAC)
		if err != nil {
			return nil, fmt.Errorf("simulate %s: it needs a mac in the site file: %w", n.Name, err)
		}
		m := fleet.MachineSpec{
			Name: n.Name, MAC: mac, UUID: n.UUID, Serial: n.Serial, Firmware: fleet.BIOS,
			Disks: []fleet.Disk{{Path: "/dev/vda", Size: 100 << 30, Model: "SIMULATED", Serial: n.Disk.Serial, Transport: "virtio"}},
		}
		if i%2 == 1 {
			m.Firmware = fleet.UEFI
		}
		out = append(out, m)
	}
	return out, nil
}
