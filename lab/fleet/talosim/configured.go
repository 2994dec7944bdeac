// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// configured is a boot with a machine config.
type configured struct {
	*osRun

	provider  config.Provider
	name      string // host name
	addresses []netip.Addr
	vips      []netip.Addr
	self      *node
	server    *grpc.Server

	resets chan *machine.ResetRequest // has room for one

	// Guarded by Peers.mu.
	cri       bool // containers can run
	bootstrap bool // Bootstrap was called in this boot
	recovery  bool // and it is to recover from the uploaded snapshot
}

// current is the configured boot, or nil in maintenance and before the configured one is ready to answer.
func (o *osRun) current() *configured {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.boot
}

// runConfigured boots into an installed config and stays until the system ends.
func (o *osRun) runConfigured(ctx context.Context, provider config.Provider) (Outcome, error) {
	if err := o.beginBoot(ctx, provider); err != nil {
		return "", err
	}

	wanted, err := o.readSettings(provider)
	if err != nil {
		return "", err
	}

	addresses, release, err := o.raiseNetwork(ctx, wanted)
	if err != nil {
		return "", err
	}
	defer release()

	if len(addresses) == 0 {
		return o.runDeaf(ctx, "the machine config gives the network card no address")
	}

	boot := newConfigured(o, provider, addresses, wanted.vips)
	if err := errors.Join(boot.publish(ctx), o.publishInterfaces(ctx, wanted), o.publishAddresses(ctx, wanted)); err != nil {
		return "", err
	}

	certificate, err := boot.certificate(ctx)
	if err != nil {
		return "", err
	}

	boot.server = o.newServer(mutualTLS(certificate, provider), &api{osRun: o})
	defer boot.server.Stop()

	o.mu.Lock()
	o.boot, o.present = boot, provider
	o.mu.Unlock()

	o.Peers.join(boot.self)
	defer o.Peers.leave(boot.self)

	return boot.run(ctx)
}

// beginBoot names the services, none of which runs yet, and the stage.
func (o *osRun) beginBoot(ctx context.Context, provider config.Provider) error {
	services := []string{serviceAPID, serviceKubelet}
	if provider.Machine().Type().IsControlPlane() {
		services = append(services, serviceEtcd)
	}

	var errs []error
	for _, id := range services {
		errs = append(errs, o.setService(ctx, id, stateInitialized, "Waiting for the boot sequence"))
	}

	return errors.Join(append(errs, o.setStage(ctx, StageBooting))...)
}

func newConfigured(o *osRun, provider config.Provider, addresses, vips []netip.Addr) *configured {
	security := provider.Machine().Security()
	boot := &configured{
		osRun: o, provider: provider, name: o.hostname(provider), addresses: addresses, vips: vips,
		resets: make(chan *machine.ResetRequest, 1),
	}
	boot.self = &node{
		name: boot.name, address: addresses[0], controlPlane: provider.Machine().Type().IsControlPlane(),
		cluster: provider.Cluster().ID(), token: security.Token(), machineCA: security.IssuingCA(),
	}

	if boot.self.controlPlane {
		boot.self.etcdCA = provider.Cluster().Etcd().CA().Crt
	}

	return boot
}

// publish fills the resources that there are only with a config.
func (c *configured) publish(ctx context.Context) error {
	kind := configres.NewMachineType()
	kind.SetMachineType(c.provider.Machine().Type())

	host := network.NewHostnameStatus(network.NamespaceName, network.HostnameID)
	host.TypedSpec().Hostname = c.name

	addresses := network.NewNodeAddress(network.NamespaceName, network.NodeAddressDefaultID)
	for _, address := range c.addresses {
		addresses.TypedSpec().Addresses = append(addresses.TypedSpec().Addresses,
			netip.PrefixFrom(address, address.BitLen()))
	}

	return errors.Join(
		c.resources.Create(ctx, kind), c.resources.Create(ctx, host), c.resources.Create(ctx, addresses),
		c.resources.Create(ctx, configres.NewMachineConfig(c.provider)), c.publishSecrets(ctx), c.publishOwnVitals(ctx),
	)
}

// certificate is signed by the node itself when it is a control plane, else by one that runs.
func (c *configured) certificate(ctx context.Context) (tls.Certificate, error) {
	names, addresses := []string{c.name}, slices.Concat(c.addresses, c.vips)

	for _, san := range c.provider.Machine().Security().CertSANs() {
		if address, err := netip.ParseAddr(san); err == nil {
			addresses = append(addresses, address)
		} else {
			names = append(names, san)
		}
	}

	if c.self.controlPlane {
		return sign(c.self.machineCA, names, addresses)
	}

	return c.Peers.certify(ctx, c.self, names, addresses)
}

// run opens the API and starts the services, each in its own time.
func (c *configured) run(ctx context.Context) (Outcome, error) {
	for _, address := range c.addresses {
		if err := c.listen(ctx, c.server, address); err != nil {
			return "", err
		}
	}

	if err := c.setService(ctx, serviceAPID, stateRunning, "Health check successful"); err != nil {
		return "", err
	}

	c.report("configured", map[string]string{"name": c.name, "address": c.addresses[0].String()})

	services, stop := context.WithCancel(ctx)
	defer stop()

	group, services := errgroup.WithContext(services)
	group.Go(func() error { return c.runServices(services) })
	group.Go(func() error { return c.runUpgrade(ctx, services, stop) })
	group.Go(func() error { return c.runResets(services) })

	outcome, err := c.shutDown(ctx)

	stop()

	if failed := group.Wait(); failed != nil && !errors.Is(failed, context.Canceled) && ctx.Err() == nil {
		err = errors.Join(err, failed)
	}

	return outcome, err
}

// runServices returns when all are stopped.
func (c *configured) runServices(ctx context.Context) error {
	if err := c.Clock.Wait(ctx, c.Timing.CRI); err != nil {
		return err
	}

	c.Peers.update(func() { c.cri = true })

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.runKubelet(ctx) })
	group.Go(func() error { return c.followConfig(ctx) })

	if c.self.controlPlane {
		group.Go(func() error {
			if err := c.runEtcd(ctx); err != nil {
				return err
			}

			return c.runControlPlane(ctx)
		})
	}

	err := group.Wait()
	if err != nil && ctx.Err() == nil {
		c.Log.Error("simulated service failed", "node", c.name, "error", err)
	}

	return err
}

func (c *configured) criRuns() bool {
	c.Peers.mu.Lock()
	defer c.Peers.mu.Unlock()

	return c.cri
}

// checkControlPlane refuses calls that only control planes answer. A nil receiver is a machine without a config.
func (c *configured) checkControlPlane(call string) error {
	if c == nil || !c.self.controlPlane {
		return status.Errorf(codes.Unimplemented, "%s is only available on control plane nodes", call)
	}

	return nil
}
