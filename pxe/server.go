// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/pxe/dhcp"
	"github.com/cozystack/cozy-install/pxe/tftp"
)

// Server netboots a site's machines. Make it with New; all methods may be called concurrently.
type Server struct {
	config    Config
	roster    roster
	log       *slog.Logger
	history   *history
	notices   *notices
	marks     *marks
	limiter   *dhcp.Limiter
	metrics   *metrics
	addresses atomic.Pointer[addresses] // nil in ModeProxy and before Run
	told      chan Notice
	ready     chan struct{}
	ran       atomic.Bool
}

// New makes a server. It touches neither the network nor a file.
func New(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	ports, err := config.Sockets.ports(config.Ports)
	if err != nil {
		return nil, err
	}
	config.Ports = ports
	config = config.withDefaults()
	s := &Server{
		config:  config,
		roster:  newRoster(config.Machines),
		log:     config.Log,
		history: newHistory(config.Now),
		marks:   newMarks(config.Now),
		told:    make(chan Notice, maxNotices),
		ready:   make(chan struct{}),
	}
	s.notices = newNotices(config.Now, s.tell)
	s.limiter = dhcp.NewLimiter(dhcp.Limits{Known: s.isKnown})
	s.metrics = newMetrics(s)
	if err := s.takeUp(config.Earlier); err != nil {
		return nil, err
	}
	return s, nil
}

// tell hands a notice on without waiting: packets are answered meanwhile. Of a flood of them some are only in the log.
func (s *Server) tell(n Notice) {
	s.log.Warn("netboot notice", "kind", string(n.Kind), "subject", n.Subject, "text", n.Text)
	select {
	case s.told <- n:
	default:
	}
}

// notify tells the caller until ctx ends.
func (s *Server) notify(ctx context.Context) {
	for {
		select {
		case n := <-s.told:
			s.config.Notify(n)
		case <-ctx.Done():
			return
		}
	}
}

// Run reads the iPXE binaries, looks around for other servers, opens all ports and serves until ctx ends; then it returns
// nil, and all its goroutines have ended. An error before Ready says what is missing: *InterfaceError, *PortInUseError,
// *NotPermittedError, *OtherDHCPError, *ipxe.MissingError. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	if s.ran.Swap(true) {
		return errors.New("run netboot server: it was run before")
	}
	links, err := findLinks(s.config.Interfaces, s.config.Address)
	if err != nil {
		return err
	}
	boot, err := s.prepare()
	if err != nil {
		return err
	}
	defer boot.close()
	ports, err := s.start(ctx, links)
	if errors.Is(err, context.Canceled) {
		return nil // ended before it began
	}
	if err != nil {
		return err
	}
	for _, link := range links {
		s.log.InfoContext(ctx, "netboot server runs", "interface", link.Interface.Name, "address", link.Address.String(), "mode", string(s.config.Mode))
	}
	close(s.ready)
	return s.serve(ctx, boot, ports, links)
}

// start opens the ports, then reads the leases and looks for other DHCP servers where this is to be the only one.
func (s *Server) start(ctx context.Context, links []dhcp.Link) (*openPorts, error) {
	ports, err := open(ctx, links, s.config)
	if err != nil {
		return nil, err
	}
	if s.config.Mode == ModeServer {
		if err := s.becomeServer(ctx, links); err != nil {
			ports.close()
			return nil, err
		}
	}
	return ports, nil
}

// becomeServer checks that nobody else gives addresses, and makes ready to do so.
func (s *Server) becomeServer(ctx context.Context, links []dhcp.Link) error {
	if !s.config.BesideDHCP {
		if err := s.refuseBesideOthers(ctx, links); err != nil {
			return err
		}
	}
	given, err := openAddresses(s.config, links, s.inUse(links))
	if err != nil {
		return err
	}
	s.addresses.Store(given)
	return nil
}

func (s *Server) serve(ctx context.Context, boot *booter, ports *openPorts, links []dhcp.Link) error {
	senders, err := boot.newTFTP(len(ports.tftp))
	if err != nil {
		ports.close()
		return fmt.Errorf("serve TFTP: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	serving := dhcp.Serving{
		Handle: boot.answerDHCP, RelayPort: uint16(s.config.Ports.DHCP), Log: s.log, Limiter: s.limiter,
		MayWait: s.config.Mode == ModeServer, // for probes of addresses, and for the lease file
	}
	for _, conn := range ports.dhcp {
		group.Go(func() error { return conn.Serve(ctx, serving) })
	}
	for i, conn := range ports.tftp {
		group.Go(func() error { return senders[i].Serve(ctx, conn) })
	}
	for _, listener := range ports.http {
		group.Go(func() error { return boot.http.Serve(ctx, listener) })
	}
	group.Go(func() error {
		s.lookAround(ctx, links)
		return nil
	})
	group.Go(func() error {
		s.notify(ctx)
		return nil
	})
	group.Go(func() error {
		s.keep(ctx)
		return nil
	})
	return group.Wait()
}

// newTFTP makes a server for each of so many ports.
func (b *booter) newTFTP(count int) ([]*tftp.Server, error) {
	servers := make([]*tftp.Server, count)
	for i := range servers {
		var err error
		servers[i], err = tftp.New(tftp.Config{
			Files: b.shelf.byTFTP(), Admit: b.admitTransfer, Finished: b.transferred, SinglePort: b.server.config.TFTPSinglePort,
		})
		if err != nil {
			return nil, err
		}
	}
	return servers, nil
}

// isKnown says whether packets with a hardware address may be of the site.
func (s *Server) isKnown(mac net.HardwareAddr) bool {
	found, _ := s.roster.find(Facts{MAC: mac})
	return found.Name != "" || s.config.Approved(mac) || s.history.nameOf(mac) != ""
}

// LastAddrs are the addresses that a machine of the site last used, one for each of its cards and the latest first. Cards that
// belong to two machines which say to be the same one are among them.
func (s *Server) LastAddrs(name string) []netip.Addr { return s.history.addrsOf(name) }

// Ready is closed when all ports are open. It never is when Run fails before.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Sightings returns every machine that asked for something lately, the site's by name first, then strangers by MAC.
func (s *Server) Sightings() []Sighting { return s.history.sightings() }

// Notices returns what was noticed on the network, by kind and subject.
func (s *Server) Notices() []Notice { return s.notices.list() }
