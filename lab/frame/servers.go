// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

// Sizes of what is booted, in bytes. Real ones are some hundred megabytes: what is measured is the program, and not a disk
// or a link.
const (
	kernelSize    = 1 << 20
	initramfsSize = 4 << 20
)

// NewFactory is an image factory with small images.
func NewFactory() *sitesim.Factory {
	return &sitesim.Factory{KernelSize: kernelSize, InitramfsSize: initramfsSize, UKISize: kernelSize + initramfsSize}
}

// Open chooses the ports and starts the site's own servers in the group: DHCP, unless the program gives the addresses, and the
// factory. Then it writes the site file and iPXE's stand-ins. The servers end with the context.
func (s *Site) Open(ctx context.Context, group *errgroup.Group, factory http.Handler) error {
	if s.Nodes < MinNodes || s.Nodes > MaxNodes {
		return fmt.Errorf("%d nodes: want %d to %d", s.Nodes, MinNodes, MaxNodes)
	}

	if err := s.choosePorts(); err != nil {
		return err
	}

	at, err := s.serveFactory(ctx, group, factory)
	if err != nil {
		return err
	}

	if !s.Serves {
		if err := s.serveDHCP(ctx, group); err != nil {
			return err
		}
	}

	return s.write(at)
}

// Flags are those that tell the program where its files and ports are.
func (s *Site) Flags() []string {
	return []string{
		"-f", filepath.Join(s.Dir, "site.yaml"), "--ipxe-dir", filepath.Join(s.Dir, "ipxe"),
		fmt.Sprintf("--netboot-ports=dhcp=%d,proxy=%d,tftp=%d,http=%d", s.Ports.DHCP, s.Ports.Proxy, s.Ports.TFTP, s.Web),
	}
}

// choosePorts finds numbers that were free a moment ago on all addresses.
func (s *Site) choosePorts() error {
	var found [4]int
	for i := range found {
		port, err := freePort(found[:i])
		if err != nil {
			return err
		}

		found[i] = port
	}

	s.Ports = lan.Ports{DHCP: found[0], Proxy: found[1], TFTP: found[2]}
	s.Web = uint16(found[3])

	var servers []netip.AddrPort
	if !s.Serves {
		servers = append(servers, netip.AddrPortFrom(s.Address(), uint16(s.Ports.DHCP)))
	}

	servers = append(servers, netip.AddrPortFrom(s.ServerAddress(), uint16(s.Ports.DHCP)))

	var err error

	s.Network, err = lan.NewRelay(lan.RelayConfig{Agents: netip.PrefixFrom(s.at(64, 0), 18), Servers: servers, Ports: s.Ports})

	return err
}

// The ports below those that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range), of which there may be
// thousands before the program opens its own.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePort is a port that nobody has, neither of UDP nor of TCP, and that is not taken.
func freePort(taken []int) (int, error) {
	var errs []error

	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if slices.Contains(taken, port) {
			continue
		}

		err := isFree(port)
		if err == nil {
			return port, nil
		}

		errs = append(errs, err)
	}

	return 0, errors.Join(errs...)
}

func isFree(port int) error {
	packets, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
	if err != nil {
		return err
	}
	defer packets.Close()

	connections, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: port})
	if err != nil {
		return err
	}

	return connections.Close()
}

func (s *Site) serveFactory(ctx context.Context, group *errgroup.Group, handler http.Handler) (netip.AddrPort, error) {
	var config net.ListenConfig

	listener, err := config.Listen(ctx, "tcp4", netip.AddrPortFrom(s.Address(), 0).String())
	if err != nil {
		return netip.AddrPort{}, err
	}

	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}

		return nil
	})

	return listener.Addr().(*net.TCPAddr).AddrPort(), nil
}

func (s *Site) serveDHCP(ctx context.Context, group *errgroup.Group) error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: s.Address().AsSlice(), Port: s.Ports.DHCP})
	if err != nil {
		return err
	}

	// Its default holds some 200 DISCOVERs: what is measured would be how patient the machines are.
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		return errors.Join(err, conn.Close())
	}

	first, last := s.pool()
	dhcp := &sitesim.DHCP{Server: s.Address(), First: first, Last: last, Bits: 16}
	group.Go(func() error { return dhcp.Serve(ctx, conn) })

	return nil
}

func (s *Site) write(factory netip.AddrPort) error {
	loaders := filepath.Join(s.Dir, "ipxe")
	if err := os.Mkdir(loaders, 0o755); err != nil {
		return err
	}

	if err := sitesim.WriteLoaders(loaders); err != nil {
		return err
	}

	return os.WriteFile(filepath.Join(s.Dir, "site.yaml"), []byte(s.file(factory)), 0o600)
}
