// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/fleet/kubesim"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/lab/frame"
)

type config struct {
	program string // cozy-install
	nodes   int
	speed   float64
	talos   string    // the version; empty: the defaults of the product and of the fleet, which are the same
	said    io.Writer // what it says is written there too
}

// octet is that of the site's addresses, see frame.Site.
const octet = 91

// rig is a site whose machines are off.
type rig struct {
	config

	site  frame.Site
	fleet *fleet.Fleet
}

// run brings a site up once. Nothing is left running.
func run(ctx context.Context, cfg config) (out report, err error) {
	dir, err := os.MkdirTemp("", "cozy-install-bringup-site-")
	if err != nil {
		return report{}, err
	}
	defer os.RemoveAll(dir)

	r := &rig{config: cfg, site: frame.Site{Name: "bringup", Octet: octet, Nodes: cfg.nodes, Talos: cfg.talos, Dir: dir}}

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

	out, err := bringUp(ctx, r.program, r.said, append([]string{
		"up", "--work-dir", filepath.Join(r.site.Dir, "work"), "--until", "register", "--progress", "plain",
	}, r.site.Flags()...))
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
	if err := r.site.Open(ctx, group, frame.NewFactory()); err != nil {
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

	r.fleet, err = fleet.New(fleet.Config{
		Machines: r.machines(), Network: r.site.Network, Clock: fleet.Clock{Speed: r.speed}, Kubernetes: kubernetes,
		TalosVersion: r.talos,
	})
	if err != nil {
		return err
	}

	group.Go(func() error { return r.fleet.Run(ctx) })

	return nil
}

// machines are the site's, by turns with each common kind of firmware.
func (r *rig) machines() []fleet.MachineSpec {
	kinds := []fleet.Firmware{fleet.BIOS, fleet.UEFI, fleet.UEFIHTTP}
	out := make([]fleet.MachineSpec, r.nodes)

	for n := range out {
		out[n] = fleet.MachineSpec{
			Name: r.site.NodeName(n), MAC: r.site.MAC(n), Serial: fmt.Sprint(n), Firmware: kinds[n%len(kinds)],
			UUID: fmt.Sprintf("11111111-2222-3333-4444-%012d", n),
		}
	}

	return out
}
