// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// Worlds on loopback stand beside each other: the nth has 127.77.n.0/24 for its site, 127.78.n.0/24 for the relay agents,
// and the ports from firstPort+n*portsEach on. Ports are below Linux's ephemeral ones, which connections take by chance.
const (
	maxRelayed = 100
	firstPort  = 21000
	portsEach  = 10
)

// Ports that machines serve on their addresses, which nothing can change: Talos's API and Kubernetes'.
var machinePorts = [...]uint16{50000, 6443}

// plot is one of the places for a world on loopback.
type plot struct {
	nodes, agents                    netip.Prefix
	dhcp, proxy, tftp, http, factory uint16
}

func plotOf(n int) plot {
	loopback := func(second byte) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, second, byte(n), 0}), 24)
	}
	port := uint16(firstPort + n*portsEach)
	return plot{
		nodes: loopback(77), agents: loopback(78),
		dhcp: port, proxy: port + 1, tftp: port + 2, http: port + 3, factory: port + 4,
	}
}

// plots are all places there are.
func plots() []plot {
	all := make([]plot, maxRelayed)
	for n := range all {
		all[n] = plotOf(n)
	}
	return all
}

// throughRelay takes the first free of some places and writes the site's copy for it into the world's directory.
func throughRelay(ctx context.Context, cfg Config, s *site.Site, places []plot) (*surroundings, error) {
	original, err := os.ReadFile(cfg.SiteFile)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(cfg.Dir, "site.yaml")
	var taken error
	for _, p := range places {
		text, err := onLoopback(original, s, p)
		if err != nil {
			return nil, fmt.Errorf("put the site %s on loopback: %w", cfg.SiteFile, err)
		}
		moved, err := site.Parse(file, text)
		if err != nil {
			return nil, err
		}
		out, err := p.claim(ctx, moved)
		if errors.Is(err, syscall.EADDRINUSE) {
			taken = err
			continue
		}
		if err != nil {
			return nil, err
		}
		out.siteFile = file
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return nil, errors.Join(err, out.close())
		}
		return out, nil
	}
	return nil, fmt.Errorf("none of %d places on loopback is free for a simulated site: %w; ss -lntup shows what listens there", len(places), taken)
}

// claim opens the site's two sockets, which keep others out, and sees that the others can be opened by their users.
func (p plot) claim(ctx context.Context, s *site.Site) (*surroundings, error) {
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1}) // of lo, as the netboot server finds it
	network, err := lan.NewRelay(lan.RelayConfig{
		Agents:  p.agents,
		Servers: []netip.AddrPort{netip.AddrPortFrom(s.Network.Gateway, p.dhcp), netip.AddrPortFrom(local, p.dhcp)},
		Ports:   lan.Ports{DHCP: int(p.dhcp), Proxy: int(p.proxy), TFTP: int(p.tftp)},
	})
	if err != nil {
		return nil, err
	}
	out := &surroundings{
		kind: Relayed, plugs: network, site: s,
		upArgs: []string{"--netboot-ports", fmt.Sprintf("dhcp=%d,proxy=%d,tftp=%d,http=%d", p.dhcp, p.proxy, p.tftp, p.http)},
	}
	var config net.ListenConfig
	if out.factory, err = config.Listen(ctx, "tcp4", netip.AddrPortFrom(s.Network.Gateway, p.factory).String()); err != nil {
		return nil, fmt.Errorf("simulated image factory: %w", err)
	}
	if out.dhcp, err = config.ListenPacket(ctx, "udp4", netip.AddrPortFrom(s.Network.Gateway, p.dhcp).String()); err != nil {
		return nil, errors.Join(fmt.Errorf("site's DHCP server: %w", err), out.close())
	}
	if err := p.checkFree(ctx, local, s); err != nil {
		return nil, errors.Join(err, out.close())
	}
	return out, nil
}

// checkFree opens and closes what the netboot server and the machines will open later, so that a port in use is told now
// and not as a machine that never comes.
func (p plot) checkFree(ctx context.Context, bastion netip.Addr, s *site.Site) error {
	var config net.ListenConfig
	for _, port := range []uint16{p.dhcp, p.proxy, p.tftp} {
		socket, err := config.ListenPacket(ctx, "udp4", netip.AddrPortFrom(bastion, port).String())
		if err != nil {
			return fmt.Errorf("netboot port: %w", err)
		}
		_ = socket.Close() // nothing was written
	}
	tcp := []netip.AddrPort{netip.AddrPortFrom(bastion, p.http)}
	for _, name := range apiNames(s) {
		for _, port := range machinePorts {
			tcp = append(tcp, netip.AddrPortFrom(name, port))
		}
	}
	for _, at := range tcp {
		listener, err := config.Listen(ctx, "tcp4", at.String())
		if err != nil {
			return fmt.Errorf("port of a simulated machine or of netboot: %w", err)
		}
		_ = listener.Close() // nothing was accepted
	}
	return nil
}
