// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/pxe"
	"github.com/cozystack/cozy-install/pxe/assets"
)

// dhcpMachines is how many machines ask; each is one of the site. There are so many because our server limits how often
// one machine asks, and each must stay below that.
const dhcpMachines = 4096

// dhcp measures offers of ProxyDHCP. Each server has a network of its own, because both answer broadcasts.
func (b *bench) dhcp(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "netbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	own, err := os.Executable()
	if err != nil {
		return err
	}
	var wires []*dhcpWire
	defer func() {
		for _, w := range wires {
			err = errors.Join(err, w.close())
		}
	}()
	for _, s := range []struct {
		name, program string
		args          []string
	}{
		{"dnsmasq", "dnsmasq", []string{
			"--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file=",
			"--interface=eth0", "--bind-dynamic", "--dhcp-range=10.77.0.0,proxy", "--dhcp-leasefile=" + filepath.Join(dir, "leases"),
			`--pxe-service=x86PC,iPXE,undionly.kpxe`, "--quiet-dhcp",
		}},
		{"cozy-install", own, []string{serveDHCPCommand, dir}},
	} {
		w, err := newDHCPWire(ctx, s.name, s.program, s.args...)
		if err != nil {
			return err
		}
		wires = append(wires, w)
	}
	for _, waiting := range []int{1, 16, 64} {
		c := contest{
			title: fmt.Sprintf("ProxyDHCP, %d machines at once, load %s", waiting, load()), unit: "offers", cpu: "us/offer", per: 1e-6,
		}
		if waiting > 1 {
			c.limit, c.p99 = 1.0, 10*time.Millisecond
		}
		for i, w := range wires {
			load := dhcpLoad{conn: w.conn, machines: dhcpMachines, waiting: waiting, span: b.span}
			c.all = append(c.all, contestant{name: w.server.name, server: w.server, isOurs: i == 1, run: load.run})
		}
		if err := b.hold(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// dhcpWire is a server and a client on a bridge.
type dhcpWire struct {
	server *process
	lan    *lan.Netns
	port   lan.Port
	conn   *net.UDPConn
}

func newDHCPWire(ctx context.Context, name, program string, args ...string) (w *dhcpWire, err error) {
	w = &dhcpWire{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.lan, err = lan.NewNetns(ctx, lan.NetnsConfig{Bastion: netip.MustParsePrefix("10.77.0.2/24")}); err != nil {
		return w, err
	}
	if w.port, err = w.lan.Attach(ctx, "machines", machineMAC(0)); err != nil {
		return w, err
	}
	opener, ok := w.port.(interface {
		ListenDHCP(port int) (*net.UDPConn, error)
	})
	if !ok {
		return w, fmt.Errorf("open the machines' DHCP port: %T has none", w.port)
	}
	if w.conn, err = opener.ListenDHCP(68); err != nil {
		return w, err
	}
	if w.server, err = start(ctx, name, w.lan.Bastion.Start, program, args...); err != nil {
		return w, err
	}
	// The first offer says that it serves.
	ready := dhcpLoad{conn: w.conn, machines: 1, waiting: 1, span: time.Millisecond}
	for end := time.Now().Add(10 * time.Second); ; {
		r, err := ready.run(ctx)
		if err == nil && r.work > 0 {
			return w, nil
		}
		if err != nil || time.Now().After(end) {
			return w, errors.Join(fmt.Errorf("wait for %s: no offer: it says: %s", name, w.server.log.String()), err)
		}
	}
}

func (w *dhcpWire) close() error {
	var errs []error
	if w.server != nil {
		errs = append(errs, w.server.stop())
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	if w.port != nil {
		errs = append(errs, w.port.Close())
	}
	if w.lan != nil {
		errs = append(errs, w.lan.Close())
	}
	return errors.Join(errs...)
}

func machineMAC(i int) net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0, 0x77, byte(i >> 8), byte(i)}
}

// serveDHCP is our whole netboot server, without a log, as dnsmasq is told to be. Its loaders and files only have to be
// there: nobody fetches them.
func serveDHCP(ctx context.Context, dir string) error {
	for _, name := range []string{"undionly.kpxe", "snponly.efi", "kernel-amd64", "initramfs-amd64.xz"} {
		if _, err := writeFile(dir, name, 1000); err != nil {
			return err
		}
	}
	config := pxe.Config{
		Interfaces: []string{"eth0"}, IPXEDir: dir,
		Assets: assets.Assets{Dir: dir, Sets: map[string]assets.Set{
			assets.AMD64: {Kernel: "kernel-amd64", Initramfs: "initramfs-amd64.xz"},
		}},
	}
	for i := range dhcpMachines {
		config.Machines = append(config.Machines, pxe.Machine{
			Name: fmt.Sprintf("node%d", i), MACs: []net.HardwareAddr{machineMAC(i)},
		})
	}
	server, err := pxe.New(config)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}
