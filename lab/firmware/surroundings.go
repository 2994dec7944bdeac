// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// Surroundings are the network of a site, what is on it already, and the product on its bastion.
type Surroundings struct {
	*lan.Netns

	running []*process
}

// Surround makes the network. With dhcp it has a DHCP server that knows nothing of netboot: dnsmasq, as it comes. It
// always has a router that announces itself over IPv6: without one iPXE waits up to 16 s for it.
func Surround(ctx context.Context, dhcp bool) (*Surroundings, error) {
	network, err := lan.NewNetns(ctx, lan.NetnsConfig{Bastion: bastion, Site: dhcpSite})
	if err != nil {
		return nil, err
	}
	s := &Surroundings{Netns: network}
	if err := s.startDnsmasq(ctx, dhcp); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Surroundings) startDnsmasq(ctx context.Context, dhcp bool) error {
	if err := s.Site.Assign(routerULA); err != nil {
		return err
	}
	args := []string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--log-facility=-", "--user=root", "--pid-file=", "--leasefile-ro",
		"--port=0", "--interface=eth0", "--bind-dynamic",
		"--enable-ra", "--dhcp-range=fd00:77::,ra-only,64,1h",
	}
	if dhcp {
		// It pings an address before it offers it, and iPXE waits for that.
		args = append(args, "--no-ping", "--dhcp-authoritative", "--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h")
	}
	server, err := startIn(s.Site, exec.Command("dnsmasq", args...)) //nolint:noctx // Close ends it
	if err != nil {
		return err
	}
	s.running = append(s.running, server)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return server.Await(ctx, "IPv6 router advertisement enabled")
}

// Product starts `cozy-install` on the bastion and waits until it says that it serves.
func (s *Surroundings) Product(ctx context.Context, binary, dir string, args ...string) (*Console, error) {
	cmd := exec.Command(binary, args...) //nolint:noctx // Close ends it
	cmd.Dir = dir
	product, err := startIn(s.Bastion, cmd)
	if err != nil {
		return nil, err
	}
	s.running = append(s.running, product)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := product.Await(ctx, "netboot server runs"); err != nil {
		return nil, fmt.Errorf("start the product: %w", err)
	}
	return product.Console, nil
}

// Close ends what runs, the last first, and takes the network down.
func (s *Surroundings) Close() error {
	var errs []error
	for i := len(s.running) - 1; i >= 0; i-- {
		errs = append(errs, s.running[i].stop(15*time.Second))
	}
	return errors.Join(append(errs, s.Netns.Close())...)
}
