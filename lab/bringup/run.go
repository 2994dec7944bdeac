// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/fleet/kubesim"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// Sizes of what is booted, in bytes: what is measured is the program, and not a disk or a link.
const (
	kernelSize    = 1 << 20
	initramfsSize = 4 << 20
)

type config struct {
	program string // cozy-install
	nodes   int
	speed   float64
	said    io.Writer // what it says is written there too
}

// rig is a site whose machines are off.
type rig struct {
	config

	dir   string
	ports lan.Ports
	web   uint16
	fleet *fleet.Fleet
}

// run brings a site up once. Nothing is left running.
func run(ctx context.Context, cfg config) (out report, err error) {
	if cfg.nodes < controlPlanes || cfg.nodes > maxNodes {
		return report{}, fmt.Errorf("%d nodes: want %d to %d", cfg.nodes, controlPlanes, maxNodes)
	}

	r := &rig{config: cfg}
	if r.dir, err = os.MkdirTemp("", "cozy-install-bringup-site-"); err != nil {
		return report{}, err
	}
	defer os.RemoveAll(r.dir)

	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()

	group, life := errgroup.WithContext(ctx)
	err = r.start(life, group)

	if err == nil {
		out, err = r.bringUp(life)
	}

	cancel()

	return out, errors.Join(err, group.Wait())
}

// bringUp switches the machines on and starts the program at the same moment.
func (r *rig) bringUp(ctx context.Context) (report, error) {
	on := time.Now()
	if err := r.fleet.PowerOn(); err != nil {
		return report{}, err
	}

	out, err := bringUp(ctx, r.program, r.said, []string{
		"up", "-f", filepath.Join(r.dir, "site.yaml"), "--work-dir", filepath.Join(r.dir, "work"), "--ipxe-dir", filepath.Join(r.dir, "ipxe"),
		"--until", "register", "--progress", "plain",
		fmt.Sprintf("--netboot-ports=dhcp=%d,proxy=%d,tftp=%d,http=%d", r.ports.DHCP, r.ports.Proxy, r.ports.TFTP, r.web),
	})
	if err != nil {
		return report{}, err
	}

	out.nodes = r.nodes
	clock := fleet.Clock{Speed: r.speed}
	out.own, err = slowestOwn(r.fleet.Events(), on, clock.Scale(talosim.Timing{}.WithDefaults().CRI))

	return out, err
}

// start starts everything but the machines and the program, in the group.
func (r *rig) start(ctx context.Context, group *errgroup.Group) error {
	network, err := r.network()
	if err != nil {
		return err
	}

	kubernetes, err := kubesim.Start(ctx)
	if err != nil {
		return err
	}

	group.Go(func() error {
		<-ctx.Done()

		return kubernetes.Close()
	})

	factory, err := r.serveFactory(ctx, group)
	if err != nil {
		return err
	}

	if err := r.serveDHCP(ctx, group); err != nil {
		return err
	}

	r.fleet, err = fleet.New(fleet.Config{
		Machines: machines(r.nodes), Network: network, Clock: fleet.Clock{Speed: r.speed}, Kubernetes: kubernetes,
	})
	if err != nil {
		return err
	}

	group.Go(func() error { return r.fleet.Run(ctx) })

	return r.write(factory)
}

// network finds ports that were free a moment ago on all addresses.
func (r *rig) network() (*lan.Relay, error) {
	var errs error

	free := func() int {
		conn, err := net.ListenUDP("udp4", nil)
		if err != nil {
			errs = errors.Join(errs, err)

			return 0
		}
		defer conn.Close()

		return conn.LocalAddr().(*net.UDPAddr).Port
	}

	r.ports = lan.Ports{DHCP: free(), Proxy: free(), TFTP: free()}
	r.web = uint16(free())

	if errs != nil {
		return nil, errs
	}

	return lan.NewRelay(lan.RelayConfig{Agents: agents(), Ports: r.ports, Servers: []netip.AddrPort{
		netip.AddrPortFrom(siteAddress(), uint16(r.ports.DHCP)), netip.AddrPortFrom(serverAddress(), uint16(r.ports.DHCP)),
	}})
}

func (r *rig) serveFactory(ctx context.Context, group *errgroup.Group) (netip.AddrPort, error) {
	var config net.ListenConfig

	listener, err := config.Listen(ctx, "tcp4", netip.AddrPortFrom(siteAddress(), 0).String())
	if err != nil {
		return netip.AddrPort{}, err
	}

	server := &http.Server{
		Handler:           &sitesim.Factory{KernelSize: kernelSize, InitramfsSize: initramfsSize, UKISize: kernelSize + initramfsSize},
		ReadHeaderTimeout: time.Minute,
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}

		return nil
	})

	return listener.Addr().(*net.TCPAddr).AddrPort(), nil
}

func (r *rig) serveDHCP(ctx context.Context, group *errgroup.Group) error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: siteAddress().AsSlice(), Port: r.ports.DHCP})
	if err != nil {
		return err
	}

	// Its default holds some 200 DISCOVERs: hundreds of machines ask at once.
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		return errors.Join(err, conn.Close())
	}

	first, last := pool()
	dhcp := &sitesim.DHCP{Server: siteAddress(), First: first, Last: last, Bits: 16}
	group.Go(func() error { return dhcp.Serve(ctx, conn) })

	return nil
}

func (r *rig) write(factory netip.AddrPort) error {
	loaders := filepath.Join(r.dir, "ipxe")
	if err := os.Mkdir(loaders, 0o755); err != nil {
		return err
	}

	if err := sitesim.WriteLoaders(loaders); err != nil {
		return err
	}

	return os.WriteFile(filepath.Join(r.dir, "site.yaml"), []byte(siteFile(r.nodes, factory)), 0o600)
}
