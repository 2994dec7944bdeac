// SPDX-License-Identifier: Apache-2.0

// Package talosim simulates Talos Linux 1.13 as seen over its API, and of older ones the maintenance mode and what they can
// decode: taking and carrying out a machine config (decoded and validated by Talos's own code), the boot into it, bonds and
// VLANs, etcd's bootstrap and joining, and the node's appearance in Kubernetes. Maintenance mode of 1.11 and 1.12 is its
// smaller server. It speaks real TLS and gRPC on the machine's own address, port 50000.
//
// It refuses to know how a machine boots or what its network is made of: those are given to it. Nothing is run: etcd is a
// list of members, Kubernetes is whatever Config.Kubernetes leads to.
//
// Still missing: node routing through another node's apid, staged upgrades, logs and files, quorum (an etcd of one
// survivor of three goes on answering), the node's readiness in its MachineStatus, routes, IPv6, networks beside the
// one wire, and configs that arrive in parts.
package talosim

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/google/uuid"
	"github.com/siderolabs/talos/pkg/machinery/config"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
)

// Wire is the machine's network port, as the operating system uses it.
type Wire interface {
	// Lease asks for an address by DHCP.
	Lease(ctx context.Context) (netip.Prefix, error)
	Assign(address netip.Prefix) error
	Release(address netip.Prefix) error
	// Announce tells the neighbours that an address lives here now.
	Announce(address netip.Addr) error
	Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error)
}

// Config is everything that one boot of the operating system needs.
type Config struct {
	Hardware Hardware
	Disks    *Storage // what survives a reboot
	Wire     Wire
	Peers    *Peers // shared by all machines of one LAN
	// Kubernetes is what the control planes' API leads to. Nil: there is none, and no node appears anywhere.
	Kubernetes Kubernetes
	// NodeAddress translates an address for Kubernetes. Nil: unchanged.
	NodeAddress func(netip.Addr) netip.Addr
	// Version is the Talos version that was netbooted: v1.13.9.
	Version string
	Clock   clock.Clock
	Timing  Timing
	// Faults are asked before each call. Nil: nothing goes wrong.
	Faults Faults
	// Ailing says what else is wrong with the machine, whenever somebody looks. Nil: nothing.
	Ailing func() Ailments
	// DiskMissing says that the kernel does not find a disk, by its path. Nil: it finds all.
	DiskMissing func(path string) bool
	// InstallTo gives another disk than the config's to the installer, by its path. Nil: it takes the right one.
	InstallTo func(chosen string) string
	// InstallTorn is asked when the power fails in an installation: true leaves a partition table without a system, false
	// what was there. Nil: false.
	InstallTorn func() bool
	// KernelLog sends a record of the kernel's log from the machine's address, as with talos.logging.kernel=udp://. Nil:
	// none is sent.
	KernelLog func(from netip.Addr, record []byte)
	// OnStage is told each new stage. Nil: nobody listens.
	OnStage func(Stage)
	// Report is told what happens. Nil: nobody listens.
	Report func(event string, details map[string]string)
	Log    *slog.Logger // nil: nothing is logged
}

// Timing is how long things take on a real machine. A zero field means the value beside it.
type Timing struct {
	Kernel     time.Duration // 15 s: kernel and initramfs, until apid listens
	Install    time.Duration // 60 s: from an accepted config to the installed disk
	Shutdown   time.Duration // 5 s: from "rebooting" to the reset
	CRI        time.Duration // 8 s: until containers can run, and etcd can be bootstrapped
	EtcdPull   time.Duration // 10 s: fetching etcd's image; before it ends a bootstrap is only in memory
	EtcdStart  time.Duration // 3 s
	EtcdJoin   time.Duration // 5 s: from being added to being a voter
	Kubernetes time.Duration // 20 s: the static pods of a control plane
	Kubelet    time.Duration // 6 s: from a reachable API to a registered node
	Upgrade    time.Duration // 40 s: from an accepted upgrade to the reboot
	StaticPod  time.Duration // 5 s: from a changed image to the pod's readiness
}

// WithDefaults fills in the zero fields.
func (t Timing) WithDefaults() Timing {
	for _, field := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&t.Kernel, 15 * time.Second},
		{&t.Install, 60 * time.Second},
		{&t.Shutdown, 5 * time.Second},
		{&t.CRI, 8 * time.Second},
		{&t.EtcdPull, 10 * time.Second},
		{&t.EtcdStart, 3 * time.Second},
		{&t.EtcdJoin, 5 * time.Second},
		{&t.Kubernetes, 20 * time.Second},
		{&t.Kubelet, 6 * time.Second},
		{&t.Upgrade, 40 * time.Second},
		{&t.StaticPod, 5 * time.Second},
	} {
		if *field.value == 0 {
			*field.value = field.fallback
		}
	}

	return t
}

// Outcome is how a boot ended, when not by the loss of power.
type Outcome string

// The outcomes.
const (
	Reboot   Outcome = "reboot"
	PowerOff Outcome = "poweroff"
)

// osRun is one boot, from the kernel's start to its end.
type osRun struct {
	Config

	resources state.State
	events    *eventLog
	done      chan Outcome         // gets one value
	applied   chan config.Provider // gets the config that ends maintenance
	bootID    string
	upgrades  chan string   // gets the image of an upgrade
	changed   chan struct{} // told of a new config of a configured node
	meta      string        // path of the disk with META when this boot began, or empty

	applying sync.Mutex // one ApplyConfiguration at a time
	vitals   sync.Mutex // one publishVitals at a time

	mu        sync.Mutex
	stage     Stage
	services  []*service
	accepted  bool // a config was taken in maintenance
	boot      *configured
	present   config.Provider // the config of a configured boot, as it was changed last
	rollBack  bool            // the next image will not come up
	wipe      func()          // what a reset does when everything is stopped; nil: nothing
	wasSynced bool            // the time, when last looked at
}

// Boot runs the operating system until it reboots, powers off, or the context ends (the power fails): then the error is
// the context's cause. It returns when nothing of it runs any more.
func Boot(ctx context.Context, cfg Config) (Outcome, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}

	if cfg.NodeAddress == nil {
		cfg.NodeAddress = func(own netip.Addr) netip.Addr { return own }
	}

	cfg.Timing = cfg.Timing.WithDefaults()

	o := &osRun{
		Config:    cfg,
		resources: state.WrapCore(namespaced.NewState(inmem.Build)),
		events:    newEventLog(),
		done:      make(chan Outcome, 1),
		applied:   make(chan config.Provider, 1),
		bootID:    uuid.NewString(),
		upgrades:  make(chan string, 1),
		changed:   make(chan struct{}, 1),
	}

	if err := errors.Join(o.publishHardware(ctx), o.publishImage(ctx)); err != nil {
		return "", err
	}

	installed, failed := cfg.Disks.load(o.version())

	if err := o.Clock.Wait(ctx, o.Timing.Kernel); err != nil {
		return "", err
	}

	switch {
	case failed != nil:
		return o.runDeaf(ctx, failed.Error())
	case installed == nil:
		return o.runMaintenance(ctx)
	default:
		return o.runConfigured(ctx, installed)
	}
}

// runDeaf is the boot of a machine that runs and can't be reached: its config gives it no address, or it can't read its
// config. A real one tries the latter again and again, without maintenance mode.
func (o *osRun) runDeaf(ctx context.Context, reason string) (Outcome, error) {
	o.report("unreachable", map[string]string{"reason": reason})
	<-ctx.Done()

	return "", context.Cause(ctx)
}

// finish asks for the end of this boot. Only the first request counts.
func (o *osRun) finish(outcome Outcome) {
	select {
	case o.done <- outcome:
	default:
	}
}

// shutDown waits for the end of this boot and gives the clients time to see it coming.
func (o *osRun) shutDown(ctx context.Context) (Outcome, error) {
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case outcome := <-o.done:
		stage := StageRebooting
		if outcome == PowerOff {
			stage = StageShuttingDown
		}

		if err := errors.Join(o.setStage(ctx, stage), o.Clock.Wait(ctx, o.Timing.Shutdown)); err != nil {
			return outcome, err
		}

		o.mu.Lock()
		wipe := o.wipe
		o.mu.Unlock()

		if wipe != nil {
			wipe()
		}

		return outcome, nil
	}
}

func (o *osRun) report(event string, details map[string]string) {
	if o.Report != nil {
		o.Report(event, details)
	}
}
