// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"

	"github.com/cozystack/cozy-install/pxe/httpboot"
)

// booter answers machines: it turns what the protocols heard into facts, asks Decide, remembers the answer and turns it
// into the protocols' own.
type booter struct {
	server *Server
	shelf  *shelf
	http   *httpboot.Server
}

// prepare reads and checks everything that will be served. The caller closes it.
func (s *Server) prepare() (*booter, error) {
	shelf, err := openShelf(s.config)
	if err != nil {
		return nil, err
	}
	b := &booter{server: s, shelf: shelf}
	if err := b.rehearse(); err != nil {
		b.close()
		return nil, err
	}
	b.http = httpboot.New(httpboot.Config{
		Files: shelf.byHTTP(), Admit: b.admitFetch, Script: b.script, Fetched: b.fetched, Metrics: s.metrics.handler(), Log: s.log,
	})
	return b, nil
}

func (b *booter) close() { _ = b.shelf.root.Close() } // only read: nothing to lose

// base is the URL of the HTTP server at one of our addresses.
func (b *booter) base(address netip.Addr) url.URL {
	host := netip.AddrPortFrom(address, uint16(b.server.config.Ports.HTTP))
	return url.URL{Scheme: "http", Host: host.String()}
}

// decide finds the machine and asks Decide. The base may be zero where nothing is advertised.
func (b *booter) decide(facts Facts, base url.URL) (Machine, Answer) {
	config := &b.server.config
	machine, mistaken := b.server.roster.find(facts)
	if machine.Name == "" {
		machine = b.remembered(facts)
	}
	return machine, Decide(machine, facts, Policy{
		AcceptUnknown: config.AcceptUnknown,
		Approved:      machine.Name == "" && config.Approved(facts.MAC),
		AskSerial:     b.server.roster.asksSerial,
		Mistaken:      mistaken,
		FromDisk:      b.server.marks.fromDisk(machine.Name) && !config.Reinstall(machine.Name),
		SecureBoot:    config.SecureBoot,
		Serves:        config.Mode == ModeServer,
		Offered:       b.shelf.offered,
		Base:          base,
	})
}

// remembered is the machine that a request is from which does not say who it is, if it said so earlier in its boot: files
// are asked for with nothing but a MAC, and operating systems ask for an address with no UUID.
func (b *booter) remembered(facts Facts) Machine {
	if facts.UUID != "" || facts.SerialAsked {
		return Machine{}
	}
	return b.server.roster.named(b.server.history.nameOf(facts.MAC))
}

// logged writes one line. What is ignored goes to the debug level: anybody on the network can cause it.
func (b *booter) logged(m Machine, mac net.HardwareAddr, n note) {
	args := []any{"what", n.what, "answered", n.answered, "reason", n.reason}
	if mac != nil {
		args = append(args, "mac", mac.String())
	}
	if name := cmp.Or(m.Name, n.machine); name != "" {
		args = append(args, "node", name)
	}
	if n.addr.IsValid() {
		args = append(args, "address", n.addr.String())
	}
	if n.answered {
		b.server.log.Info("netboot request", args...)
		return
	}
	b.server.log.Debug("netboot request", args...)
}
