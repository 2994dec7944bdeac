// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// Server netboots a site's machines. Make it with New; all methods may be called concurrently.
type Server struct {
	config  Config
	log     *slog.Logger
	history *history
	ready   chan struct{}
	ran     atomic.Bool

	mu       sync.Mutex
	fromDisk map[string]bool // by machine name
}

// New makes a server. It touches neither the network nor a file.
func New(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	config.Ports = config.Ports.withDefaults()
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Server{
		config:   config,
		log:      config.Log,
		history:  newHistory(config.Now),
		ready:    make(chan struct{}),
		fromDisk: map[string]bool{},
	}, nil
}

// Run reads the iPXE binaries, opens all ports and serves until ctx ends; then it returns nil. All its goroutines have
// ended by then. An error before Ready says what is missing: *InterfaceError, *PortInUseError, *NotPermittedError,
// *ipxe.MissingError. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	if s.ran.Swap(true) {
		return errors.New("run netboot server: it was run before")
	}
	iface, address, err := findInterface(s.config.Interface, s.config.Address)
	if err != nil {
		return err
	}
	boot, err := s.prepare(address)
	if err != nil {
		return err
	}
	ports, err := open(ctx, iface, address, s.config.Ports)
	if errors.Is(err, context.Canceled) {
		return nil // ended before it began
	}
	if err != nil {
		return err
	}
	s.log.InfoContext(ctx, "netboot server runs", "interface", iface.Name, "address", address.String())
	close(s.ready)

	group, ctx := errgroup.WithContext(ctx)
	serving := dhcp.Serving{Handle: boot.answerDHCP, RelayPort: uint16(s.config.Ports.DHCP), Log: s.log}
	group.Go(func() error { return ports.dhcp.Serve(ctx, serving) })
	group.Go(func() error { return ports.boot.Serve(ctx, serving) })
	group.Go(func() error { return boot.tftp.Serve(ctx, ports.tftp) })
	group.Go(func() error { return boot.http.Serve(ctx, ports.http) })
	return group.Wait()
}

// Ready is closed when all ports are open. It never is when Run fails before.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Sightings returns every machine that asked for something lately, the site's by name first, then strangers by MAC.
func (s *Server) Sightings() []Sighting { return s.history.sightings() }

// BootFromDisk makes the machine of that name boot from its disk the next time it netboots: call it when the machine was
// given its config, and again whenever it was seen running. Only the next time, because a machine that comes back from
// its disk unseen has nothing there to boot: it lost its power during the installation, or its firmware finds no boot
// loader (siderolabs/talos#12619). It then gets Talos, which takes up the config on the disk if there is one. The mark
// lives as long as the server; a name that is not of the site marks nothing.
func (s *Server) BootFromDisk(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fromDisk[name] = true
}

func (s *Server) isFromDisk(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return name != "" && s.fromDisk[name]
}

// sentToDisk takes the mark back.
func (s *Server) sentToDisk(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.fromDisk, name)
}
