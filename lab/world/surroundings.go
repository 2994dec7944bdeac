// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// Network is the kind of network that a world is put on.
type Network string

const (
	// Auto is Namespaces where they can be made, else Relayed.
	Auto Network = ""
	// Namespaces have real ports, real broadcasts and the site file's own addresses. They need root, or an own user
	// namespace.
	Namespaces Network = "namespaces"
	// Relayed needs nothing: everything is on loopback with high ports, and the machines reach DHCP servers as through a
	// relay. The site file is a copy with other addresses.
	Relayed Network = "relay"
)

// surroundings are what a world is put on: a network, what listens at its fixed ends, and what an operator must know of it.
type surroundings struct {
	kind     Network
	plugs    fleet.Network // for the machines
	network  *lan.Netns    // the same; nil through a relay
	site     *site.Site    // as it lies on this network
	siteFile string        // from which site was read
	upArgs   []string      // what else `cozy-install up` must be told

	dhcp    net.PacketConn // of the site's DHCP server
	factory net.Listener   // of the simulated image factory
}

func surround(ctx context.Context, cfg Config) (*surroundings, error) {
	s, err := site.Load(cfg.SiteFile)
	if err != nil {
		return nil, err
	}
	switch cfg.Network {
	case Namespaces:
		return inNamespaces(ctx, cfg.SiteFile, s)
	case Relayed:
		return throughRelay(ctx, cfg, s, plots())
	case Auto:
		made, err := inNamespaces(ctx, cfg.SiteFile, s)
		if err == nil || ctx.Err() != nil {
			return made, err
		}
		cfg.Log.Info("no network namespaces here: the machines go through a relay on loopback", "reason", err)
		return throughRelay(ctx, cfg, s, plots())
	}
	return nil, fmt.Errorf("network %q: not %s, %s or empty", cfg.Network, Namespaces, Relayed)
}

// inNamespaces makes the network of the site file as it is: the site is at its gateway, the bastion at the next address.
func inNamespaces(ctx context.Context, file string, s *site.Site) (*surroundings, error) {
	factory, err := factoryAddr(s)
	if err != nil {
		return nil, err
	}
	out := &surroundings{kind: Namespaces, site: s, siteFile: file}
	router := netip.PrefixFrom(s.Network.Gateway, out.bastion().Bits())
	if out.network, err = lan.NewNetns(ctx, lan.NetnsConfig{Bastion: out.bastion(), Site: router}); err != nil {
		return nil, err
	}
	out.plugs = out.network
	if out.dhcp, err = out.network.Site.ListenDHCP(67); err != nil {
		return nil, errors.Join(fmt.Errorf("site's DHCP server: %w", err), out.close())
	}
	if out.factory, err = out.network.Site.Listen(ctx, factory); err != nil {
		return nil, errors.Join(fmt.Errorf("simulated image factory: %w", err), out.close())
	}
	return out, nil
}

// bastion is the bastion's address in namespaces.
func (s *surroundings) bastion() netip.Prefix {
	return netip.PrefixFrom(s.site.Network.Gateway.Next(), s.site.Network.NodeSubnet.Bits())
}

// startOnBastion starts a command on the bastion, which through a relay is this host.
func (s *surroundings) startOnBastion(cmd *exec.Cmd) error {
	if s.network == nil {
		return cmd.Start()
	}
	return s.network.Bastion.Start(cmd)
}

// close may be called when the servers have closed their own ends already, and twice.
func (s *surroundings) close() error {
	var errs []error
	if s.dhcp != nil {
		errs = append(errs, unlessClosed(s.dhcp.Close()))
	}
	if s.factory != nil {
		errs = append(errs, unlessClosed(s.factory.Close()))
	}
	if s.network != nil {
		errs = append(errs, s.network.Close())
	}
	return errors.Join(errs...)
}

func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
