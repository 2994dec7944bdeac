// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/pxe"
	"github.com/cozystack/cozy-install/pxe/assets"
)

// netbootConfig is a site in the words of package pxe.
func (b *bringup) netbootConfig(boot assets.Assets, say func(string)) (pxe.Config, error) {
	machines, err := pxeMachines(b.nodes())
	if err != nil {
		return pxe.Config{}, err
	}
	addressing, err := b.addressing()
	if err != nil {
		return pxe.Config{}, err
	}
	earlier, err := b.earlierNetboot(say)
	if err != nil {
		return pxe.Config{}, err
	}
	word := &word{dir: b.dir, log: b.log, now: time.Now}
	return pxe.Config{
		Interfaces: b.site.Netboot.On(), Ports: b.opts.Ports, Mode: pxe.Mode(b.site.Netboot.Mode),
		Addressing: addressing, BesideDHCP: b.opts.BesideDHCP,
		Machines: machines, AcceptUnknown: b.opts.AcceptUnknown || b.site.Netboot.Approve == site.ApproveAny,
		Approved: word.lets, Reinstall: word.reinstalls,
		SecureBoot: b.site.Talos.SecureBoot, IPXEDir: b.opts.IPXEDir, Assets: boot,
		TFTPSinglePort: b.opts.TFTPSinglePort, Sockets: b.opts.Sockets,
		Earlier: earlier, Log: b.log,
	}, nil
}

// pxeMachines are nodes as the netboot server knows them.
func pxeMachines(nodes []site.Node) ([]pxe.Machine, error) {
	out := make([]pxe.Machine, 0, len(nodes))
	for _, n := range nodes {
		m := pxe.Machine{
			Name: n.Name, Serial: n.Serial, UUID: n.UUID, Arch: n.Arch, Address: n.Address,
			Loader: n.Netboot.Loader, DiskBoot: pxe.DiskBoot(n.Netboot.DiskBoot),
		}
		for _, text := range cards(n) {
			mac, err := net.ParseMAC(text)
			if err != nil {
				return nil, fmt.Errorf("node %s: mac %q: %w", n.Name, text, err)
			}
			m.MACs = append(m.MACs, mac)
		}
		out = append(out, m)
	}
	return out, nil
}

// cards are the hardware addresses of a node's network cards, the one with its address first.
func cards(n site.Node) []string {
	if n.MAC == "" {
		return n.MACs
	}
	return append([]string{n.MAC}, n.MACs...)
}

// addressing is what machines are given in mode server. Its zero value stands for the other modes.
func (b *bringup) addressing() (pxe.Addressing, error) {
	network, netboot := b.site.Network, b.site.Netboot
	if netboot.Mode != site.ModeServer {
		return pxe.Addressing{}, nil
	}
	first, last, err := site.Range(netboot.Pool)
	if err != nil {
		return pxe.Addressing{}, fmt.Errorf("netboot.pool %q: %w", netboot.Pool, err)
	}
	lease, err := time.ParseDuration(netboot.LeaseTime)
	if err != nil {
		return pxe.Addressing{}, fmt.Errorf("netboot.leaseTime: %w", err)
	}
	excluded := append([]netip.Addr{}, network.DNSServers...)
	for _, addr := range []netip.Addr{network.VIP, network.Gateway} {
		if addr.IsValid() {
			excluded = append(excluded, addr)
		}
	}
	return pxe.Addressing{
		Subnet: network.NodeSubnet, First: first, Last: last, Excluded: excluded,
		Router: network.Gateway, DNS: network.DNSServers, NTP: numeric(network.NTPServers),
		LeaseTime: lease, File: b.dir.Path(workdir.LeasesFile),
	}, nil
}

// numeric are the addresses among hosts: DHCP can't tell names of NTP servers (RFC 2132 section 8.3). Talos gets the names
// with its config.
func numeric(hosts []string) []netip.Addr {
	var list []netip.Addr
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(strings.TrimSpace(host)); err == nil && addr.Is4() {
			list = append(list, addr)
		}
	}
	return list
}
