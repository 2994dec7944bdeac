// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/lab/frame"
)

// octet is that of the site's addresses, see frame.Site.
const octet = 90

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

	site    frame.Site
	factory *sitesim.Factory

	mu    sync.Mutex
	wants map[string]bool // hashes of what the server fetched from the factory
}

// run lets the machines boot and returns when all have their kernel. Nothing is left running.
func run(ctx context.Context, cfg config) (out report, err error) {
	if cfg.kinds == nil {
		cfg.kinds = common()
	}

	dir, err := os.MkdirTemp("", "cozy-install-storm-site-")
	if err != nil {
		return report{}, err
	}
	defer os.RemoveAll(dir)

	s := &storm{
		config: cfg, wants: map[string]bool{}, factory: frame.NewFactory(),
		site: frame.Site{
			Name: "storm", Octet: octet, Nodes: cfg.machines, Serves: cfg.serves, Dir: dir,
			Arch: func(n int) string { return cfg.kind(n).arch() },
		},
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	group, life := errgroup.WithContext(ctx)
	if err = s.site.Open(life, group, s); err == nil {
		out, err = s.measure(life)
	}

	cancel()

	return out, errors.Join(err, group.Wait())
}

// measure lets the machines boot from a server of its own.
func (s *storm) measure(ctx context.Context) (report, error) {
	product, err := serve(ctx, s.program, &s.site)
	if err != nil {
		return report{}, err
	}

	out, err := s.boot(ctx)
	err = errors.Join(err, s.count(&out, product), product.stop())
	out.cpu = product.cpu()

	return out, err
}

// count asks the kernel about the server, while it runs.
func (s *storm) count(out *report, product *server) (err error) {
	if out.memory, err = frame.PeakMemory(product.command.Process.Pid); err != nil {
		return err
	}

	for _, port := range []int{s.site.Ports.DHCP, s.site.Ports.Proxy, s.site.Ports.TFTP} {
		lost, err := drops(port, s.site.ServerAddress(), netip.IPv4Unspecified())
		if err != nil {
			return err
		}

		out.lost += lost
	}

	out.lostBySite, err = drops(s.site.Ports.DHCP, s.site.Address())

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
	port, err := s.site.Network.Attach(ctx, s.site.NodeName(n), s.site.MAC(n))
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
		return fmt.Errorf("%s, %s: %w", s.site.NodeName(n), kind, err)
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

// ServeHTTP is the image factory, and remembers what it gave away.
func (s *storm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if part := strings.Split(r.URL.Path, "/"); len(part) == 5 && part[1] == "image" {
		sum := sha256.Sum256(s.factory.Content(part[2], part[3], part[4]))

		s.mu.Lock()
		s.wants[hex.EncodeToString(sum[:])] = true
		s.mu.Unlock()
	}

	s.factory.ServeHTTP(w, r)
}
