// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// Other servers on the network. All of this needs packets that no socket of ours gets, and so the right CAP_NET_RAW: without
// it the server works and says that it can't see.

// OtherDHCPError says that somebody else gives addresses on an interface.
type OtherDHCPError struct {
	Interface string
	Servers   []netip.Addr
}

func (e *OtherDHCPError) Error() string {
	list := make([]string, 0, len(e.Servers))
	for _, server := range e.Servers {
		list = append(list, server.String())
	}
	return fmt.Sprintf("another DHCP server answers on %s: %s", e.Interface, strings.Join(list, ", "))
}

// Hint says what to choose.
func (e *OtherDHCPError) Hint() string {
	return "set netboot.mode to proxy, which leaves addresses to that server; if both are meant to be there, start with --beside-dhcp"
}

// watched are the links with a wire: on loopback there is nobody else.
func watched(links []dhcp.Link) []dhcp.Link {
	var list []dhcp.Link
	for _, link := range links {
		if link.Interface.Flags&net.FlagBroadcast != 0 {
			list = append(list, link)
		}
	}
	return list
}

// refuseBesideOthers fails when another DHCP server answers. Where it can't be asked, the operator has to say so.
func (s *Server) refuseBesideOthers(ctx context.Context, links []dhcp.Link) error {
	for _, link := range watched(links) {
		heard, err := dhcp.Probe(ctx, link.Interface, 0)
		if err != nil {
			return fmt.Errorf("look for other DHCP servers on %s: %w", link.Interface.Name, err)
		}
		others := &OtherDHCPError{Interface: link.Interface.Name}
		for _, one := range heard {
			if one.Offers.IsValid() {
				others.Servers = append(others.Servers, one.Server)
			} else {
				s.heard(one, link, links) // another PXE server is no reason to refuse
			}
		}
		if len(others.Servers) > 0 {
			return others
		}
	}
	return nil
}

// inUse looks whether a host on our links has an address that is about to be given away there.
func (s *Server) inUse(links []dhcp.Link) func(context.Context, netip.Addr) bool {
	var there []dhcp.Link
	for _, link := range watched(links) {
		if s.config.Addressing.Subnet.Contains(link.Address) {
			there = append(there, link)
		}
	}
	return func(ctx context.Context, addr netip.Addr) bool {
		for _, link := range there {
			who, used, err := dhcp.InUse(ctx, link.Interface, addr)
			if err != nil {
				s.log.DebugContext(ctx, "address not probed", "address", addr.String(), "error", err)
				continue
			}
			if used {
				s.notices.add(Notice{
					Kind: DuplicateAddress, Subject: addr.String(),
					Text: fmt.Sprintf("address %s of the pool is in use by %s", addr, who),
					Hint: "take it out of netboot.pool, or let that host ask DHCP",
				})
				return true
			}
		}
		return false
	}
}

// lookAround watches for other servers until ctx ends.
func (s *Server) lookAround(ctx context.Context, links []dhcp.Link) {
	group := errgroup.Group{}
	for _, link := range watched(links) {
		group.Go(func() error {
			s.watch(ctx, link, links)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
}

// askEvery is how often others are asked whether they are there. Each time every DHCP server holds an address for a minute.
const askEvery = 10 * time.Minute

// askNowAndThen asks at the start and from time to time: a DHCP server that dies later says nothing.
func (s *Server) askNowAndThen(ctx context.Context, link dhcp.Link, links []dhcp.Link) {
	again := time.NewTicker(askEvery)
	defer again.Stop()
	isAsked := s.config.Mode == ModeServer && !s.config.BesideDHCP // before the start
	for {
		if !isAsked {
			s.askOthers(ctx, link, links)
		}
		isAsked = false
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch asks who is there, and listens meanwhile.
func (s *Server) watch(ctx context.Context, link dhcp.Link, links []dhcp.Link) {
	group := errgroup.Group{}
	group.Go(func() error {
		s.checkOwnAddress(ctx, link)
		s.askNowAndThen(ctx, link, links)
		return nil
	})
	err := dhcp.Watch(ctx, link.Interface, func(heard dhcp.Heard) { s.heard(heard, link, links) })
	if err != nil && ctx.Err() == nil {
		s.notWatched(link, err)
	}
	_ = group.Wait() // no member returns an error
}

// checkOwnAddress notices another host with the bastion's address: machines would ask that one for their files.
func (s *Server) checkOwnAddress(ctx context.Context, link dhcp.Link) {
	if who, used, err := dhcp.InUse(ctx, link.Interface, link.Address); err == nil && used {
		s.notices.add(Notice{
			Kind: DuplicateAddress, Subject: link.Address.String(),
			Text: fmt.Sprintf("address %s of this host on %s is used by %s as well", link.Address, link.Interface.Name, who),
			Hint: "give one of the two another address: machines ask either for their boot files",
		})
	}
}

// askOthers notices other servers that answer, and that nobody gives addresses, which a proxy depends on.
func (s *Server) askOthers(ctx context.Context, link dhcp.Link, links []dhcp.Link) {
	heard, err := dhcp.Probe(ctx, link.Interface, 0)
	if err != nil {
		return // Watch says why
	}
	isGiven := false
	for _, one := range heard {
		s.heard(one, link, links)
		isGiven = isGiven || one.Offers.IsValid()
	}
	if isGiven || s.config.Mode != ModeProxy || ctx.Err() != nil {
		return
	}
	s.notices.add(Notice{
		Kind: NoDHCP, Subject: link.Interface.Name,
		Text: fmt.Sprintf("no DHCP server answers on %s: machines get no address, and so do not boot", link.Interface.Name),
		Hint: "start the site's DHCP server or relay on that network, or set netboot.mode to server; " +
			"a server that answers only hosts it knows is not heard before a machine takes an address of it",
	})
}

// heard is told of another server's answer.
func (s *Server) heard(heard dhcp.Heard, link dhcp.Link, links []dhcp.Link) {
	for _, mine := range own(links) {
		if heard.Server == mine || heard.From == mine {
			return
		}
	}
	on := fmt.Sprintf("%s on %s", heard.Server, link.Interface.Name)
	if heard.Offers.IsValid() {
		s.notices.clear(NoDHCP, link.Interface.Name)
	}
	if heard.IsNetboot() {
		s.notices.add(Notice{
			Kind: ForeignPXE, Subject: heard.Server.String(),
			Text: fmt.Sprintf("another PXE server, %s, tells machines what to boot (%.64q): whose answer comes first is taken", on, heard.BootFile),
			Hint: "switch network boot off there for these machines, or put them on a network of their own",
		})
	}
	if heard.Offers.IsValid() && s.config.Mode == ModeServer {
		s.notices.add(Notice{
			Kind: ForeignDHCP, Subject: heard.Server.String(),
			Text: fmt.Sprintf("another DHCP server, %s, gives addresses too", on),
			Hint: "switch it off, or set netboot.mode to proxy",
		})
	}
}

func (s *Server) notWatched(link dhcp.Link, err error) {
	var hinting interface{ Hint() string }
	hint := ""
	if errors.As(err, &hinting) {
		hint = hinting.Hint()
	}
	s.notices.add(Notice{
		Kind: NotWatched, Subject: link.Interface.Name, Hint: hint,
		Text: fmt.Sprintf("other DHCP and PXE servers on %s can't be seen: %v", link.Interface.Name, err),
	})
}
