// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/pxe"
	"github.com/cozystack/cozy-install/pxe/assets"
	"github.com/cozystack/cozy-install/talos"
)

// operator is the other side of these tests: what cozy-install does on the bastion, in few words and with the product's
// own servers and clients. It runs in a process of its own where the bastion is a network namespace.
type operator struct {
	network  [2]byte // first two bytes of the nodes' /24
	iface    string
	ports    pxe.Ports
	factory  string // URL
	dir      string
	machines int
	workers  int // of the machines, the last ones

	server      *pxe.Server
	secrets     *talos.Secrets
	credentials *talos.Credentials
}

func (o *operator) address(last int) netip.Addr {
	return netip.AddrFrom4([4]byte{o.network[0], o.network[1], 0, byte(last)})
}

func machineName(n int) string { return fmt.Sprintf("m%d", n) }

func machineMAC(n int) net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0, 0x77, byte(n >> 8), byte(n)}
}

// start brings the boot servers up. They run until the context ends.
func (o *operator) start(ctx context.Context) error {
	loaders := filepath.Join(o.dir, "ipxe")
	if err := os.MkdirAll(loaders, 0o755); err != nil {
		return err
	}

	if err := sitesim.WriteLoaders(loaders); err != nil {
		return err
	}

	id, schematic, err := talos.Schematic(talos.Requirements{}, nil, nil)
	if err != nil {
		return err
	}

	boot, err := assets.Fetch(ctx, assets.Factory{
		URL: o.factory, Schematic: schematic, ID: id, Version: "v1.13.9", Client: &http.Client{Transport: &http.Transport{}},
	}, assets.Want{}, o.dir)
	if err != nil {
		return err
	}

	config := pxe.Config{
		Interfaces: []string{o.iface}, Address: o.address(2), Ports: o.ports, IPXEDir: loaders, Assets: boot,
	}
	for n := 1; n <= o.machines; n++ {
		config.Machines = append(config.Machines,
			pxe.Machine{Name: machineName(n), MACs: []net.HardwareAddr{machineMAC(n)}})
	}

	if o.server, err = pxe.New(config); err != nil {
		return err
	}

	failed := make(chan error, 1)
	go func() { failed <- o.server.Run(ctx) }()

	select {
	case <-o.server.Ready():
		return nil
	case err := <-failed:
		return fmt.Errorf("boot servers: %w", err)
	}
}

// build makes a cluster of the machines that come up.
func (o *operator) build(ctx context.Context) error {
	cluster := talos.Cluster{
		Name: "lab", Endpoint: &url.URL{Scheme: "https", Host: o.address(10).String() + ":6443"}, VIP: o.address(10),
		TalosVersion: "v1.13.9", KubernetesVersion: "v1.34.4", NodeSubnet: netip.PrefixFrom(o.address(0), 24),
		InstallImage: "factory.example/metal-installer/0123:v1.13.9",
	}

	var err error
	if o.secrets, err = talos.NewSecrets(cluster.TalosVersion, time.Now()); err != nil {
		return err
	}

	config, err := talos.Talosconfig(cluster, o.secrets, []string{o.address(11).String()})
	if err != nil {
		return err
	}

	if o.credentials, err = talos.ParseCredentials(config); err != nil {
		return err
	}

	for n := 1; n <= o.machines; n++ {
		if err := until(ctx, machineName(n)+" takes its config", func() error { return o.configure(ctx, cluster, n) }); err != nil {
			return err
		}
	}

	if err := o.onNode(ctx, 1, "bootstrap", func(ctx context.Context, c *talos.Client) error { return c.Bootstrap(ctx) }); err != nil {
		return err
	}

	for n := 1; n <= o.machines-o.workers; n++ {
		if err := o.onNode(ctx, n, "all etcd members", o.checkMembers); err != nil {
			return err
		}
	}

	for n := 1; n <= o.machines; n++ {
		if err := o.onNode(ctx, n, "running", checkRunning); err != nil {
			return err
		}
	}

	return nil
}

// configure gives one machine its config, when it is in maintenance.
func (o *operator) configure(ctx context.Context, cluster talos.Cluster, n int) error {
	sightings := o.server.Sightings()

	i := slices.IndexFunc(sightings, func(s pxe.Sighting) bool { return s.Machine == machineName(n) && s.LastAddr.IsValid() })
	if i < 0 {
		return errors.New("not seen by the boot servers")
	}

	at := netip.AddrPortFrom(sightings[i].LastAddr, 50000)

	answer, err := talos.Probe(ctx, at, nil)
	if err != nil || answer.State != talos.Maintenance {
		return fmt.Errorf("%s: %w", answer.State, err)
	}

	client, err := talos.DialMaintenance(ctx, at, answer.Fingerprint)
	if err != nil {
		return err
	}
	defer client.Close()

	inventory, err := client.Inventory(ctx)
	if err != nil {
		return err
	}

	role := talos.ControlPlane
	if n > o.machines-o.workers {
		role = talos.Worker
	}

	data, err := talos.Generate(cluster, o.secrets, talos.Node{
		Name: fmt.Sprintf("node-%d", n), Role: role, Address: netip.PrefixFrom(o.address(10+n), 24), MAC: machineMAC(n),
		Disk: talos.DiskSelector{Serial: inventory.Disks[0].Serial},
	})
	if err != nil {
		return err
	}

	if _, err := client.DryRun(ctx, data); err != nil {
		return err
	}

	o.server.BootFromDisk(machineName(n))

	return client.Apply(ctx, data)
}

// onNode calls a configured node until the call succeeds.
func (o *operator) onNode(
	ctx context.Context, n int, what string, call func(context.Context, *talos.Client) error,
) error {
	return until(ctx, fmt.Sprintf("node-%d: %s", n, what), func() error {
		client, err := talos.Dial(ctx, netip.AddrPortFrom(o.address(10+n), 50000), o.credentials)
		if err != nil {
			return err
		}
		defer client.Close()

		return call(ctx, client)
	})
}

func (o *operator) checkMembers(ctx context.Context, client *talos.Client) error {
	members, err := client.EtcdMembers(ctx)
	if err == nil && len(members) != o.machines-o.workers {
		err = fmt.Errorf("%d members", len(members))
	}

	return err
}

func checkRunning(ctx context.Context, client *talos.Client) error {
	status, err := client.Status(ctx)
	if err == nil && (status.Stage != "running" || !status.Ready) {
		err = fmt.Errorf("%+v", status)
	}

	return err
}

// until tries again for the whole life of the context.
func until(ctx context.Context, what string, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}

		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}
