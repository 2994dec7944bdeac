// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

// Sizes of what is booted, in bytes. Real ones are some hundred megabytes: 500 machines would be 50 GB over loopback.
const (
	kernelSize    = 1 << 20
	initramfsSize = 4 << 20
)

// lossySpeed makes machines that lose packets wait less before they say something again.
const lossySpeed = 5

type config struct {
	program  string // cozy-install
	machines int
	kinds    []kind  // nil: common
	serves   bool    // the server gives the addresses too; else the site's own does
	loss     float64 // share of TFTP packets that are lost, each way
}

// storm is a site with its servers and what came of its machines.
type storm struct {
	config

	dir     string
	ports   lan.Ports
	web     uint16 // the server's HTTP port
	network *lan.Relay
	factory *sitesim.Factory

	mu    sync.Mutex
	wants map[string]bool // hashes of what the server fetched from the factory
}

// run lets the machines boot and returns when all have their kernel. Nothing is left running.
func run(ctx context.Context, cfg config) (out report, err error) {
	if cfg.machines < 3 || cfg.machines > maxMachines {
		return report{}, fmt.Errorf("%d machines: want 3 to %d", cfg.machines, maxMachines)
	}

	if cfg.kinds == nil {
		cfg.kinds = common()
	}

	s := &storm{
		config: cfg, wants: map[string]bool{},
		factory: &sitesim.Factory{
			KernelSize: kernelSize, InitramfsSize: initramfsSize, UKISize: kernelSize + initramfsSize,
		},
	}

	if s.dir, err = os.MkdirTemp("", "cozy-install-storm-site-"); err != nil {
		return report{}, err
	}
	defer os.RemoveAll(s.dir)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	site, err := s.serveSite(ctx)
	if err != nil {
		cancel()

		return report{}, errors.Join(err, site())
	}

	product, err := serve(ctx, cfg.program, s.dir, s.ports, s.web)
	if err != nil {
		cancel()

		return report{}, errors.Join(err, site())
	}

	out, err = s.boot(ctx)
	err = errors.Join(err, s.count(&out, product), product.stop())
	out.cpu = product.cpu()

	cancel()

	return out, errors.Join(err, site())
}

// count asks the kernel about the server, while it runs.
func (s *storm) count(out *report, product *server) (err error) {
	if out.memory, err = product.peakMemory(); err != nil {
		return err
	}

	for _, port := range []int{s.ports.DHCP, s.ports.Proxy, s.ports.TFTP} {
		lost, err := drops(port, serverAddress(), netip.IPv4Unspecified())
		if err != nil {
			return err
		}

		out.lost += lost
	}

	out.lostBySite, err = drops(s.ports.DHCP, siteAddress())

	return err
}

// boot switches all machines on at once.
func (s *storm) boot(ctx context.Context) (report, error) {
	out := report{machines: s.machines, took: make([]time.Duration, s.machines), began: time.Now()}
	errs := make([]error, s.machines)

	var running sync.WaitGroup
	for n := range s.machines {
		running.Go(func() {
			errs[n] = s.netboot(ctx, n)
			out.took[n] = time.Since(out.began)
		})
	}

	running.Wait()

	return out, errors.Join(errs...)
}

// netboot is one machine's way to its kernel, whose bytes must be those of the factory.
func (s *storm) netboot(ctx context.Context, n int) error {
	port, err := s.network.Attach(ctx, fmt.Sprintf("node%d", n), mac(n))
	if err != nil {
		return err
	}

	kind := s.kind(n)
	machine := &rom.ROM{
		Machine: rom.Machine{Firmware: kind.firmware, Serial: fmt.Sprintf("S%d", n)},
		Port:    port, Accepts: kind.accepts, IPXE: kind.ipxe,
	}

	if s.loss > 0 {
		machine.Clock.Speed = lossySpeed
		machine.Drop = func(protocol string) bool { return protocol != rom.DHCP && rand.Float64() < s.loss }
	}

	result, err := machine.Netboot(ctx)
	if err == nil {
		err = s.verify(result)
	}

	if err = errors.Join(err, port.Close()); err != nil {
		return fmt.Errorf("node%d, %s: %w", n, kind, err)
	}

	return nil
}

// verify holds what a machine boots against what the server got from the factory.
func (s *storm) verify(result rom.Result) error {
	images := append([]rom.Image{result.Kernel}, result.Initrds...)
	if result.UKI != (rom.Image{}) {
		images = []rom.Image{result.UKI}
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	for _, image := range images {
		if !s.wants[image.SHA256] {
			return fmt.Errorf("boots %+v, which is not the factory's", image)
		}
	}

	return nil
}
