// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

// serveSite starts the site's own DHCP server and the image factory, and writes the site file. The function that it
// returns waits for their end, and is never nil.
func (s *storm) serveSite(ctx context.Context) (func() error, error) {
	nothing := func() error { return nil }

	if err := s.choosePorts(); err != nil {
		return nothing, err
	}

	var config net.ListenConfig

	listener, err := config.Listen(ctx, "tcp4", netip.AddrPortFrom(siteAddress(), 0).String())
	if err != nil {
		return nothing, err
	}

	addresses := make(chan error, 1)

	if s.serves {
		addresses <- nil
	} else if err := s.serveDHCP(ctx, addresses); err != nil {
		return nothing, errors.Join(err, listener.Close())
	}

	web := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = web.Close() })

	ended := make(chan error, 1)

	go func() {
		err := web.Serve(listener)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		ended <- err
	}()

	wait := func() error { return errors.Join(<-ended, <-addresses) }

	return wait, s.write(listener.Addr().(*net.TCPAddr).AddrPort())
}

// serveDHCP starts the site's own DHCP server. How it ended is told when it has.
func (s *storm) serveDHCP(ctx context.Context, ended chan<- error) error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: siteAddress().AsSlice(), Port: s.ports.DHCP})
	if err != nil {
		return err
	}

	// Its default holds some 200 DISCOVERs: the storm would then measure how patient the machines are.
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		return errors.Join(err, conn.Close())
	}

	first, last := pool()
	dhcp := &sitesim.DHCP{Server: siteAddress(), First: first, Last: last, Bits: 16}

	go func() { ended <- dhcp.Serve(ctx, conn) }()

	return nil
}

func (s *storm) write(factory netip.AddrPort) error {
	loaders := filepath.Join(s.dir, "ipxe")
	if err := os.Mkdir(loaders, 0o755); err != nil {
		return err
	}

	if err := sitesim.WriteLoaders(loaders); err != nil {
		return err
	}

	return os.WriteFile(filepath.Join(s.dir, "site.yaml"), []byte(siteFile(s.config, factory)), 0o600)
}

// choosePorts finds numbers that were free a moment ago on all addresses.
func (s *storm) choosePorts() (err error) {
	var servers []netip.AddrPort

	free := func() int {
		conn, failed := net.ListenUDP("udp4", nil)
		if failed != nil {
			err = failed

			return 0
		}
		defer conn.Close()

		return conn.LocalAddr().(*net.UDPAddr).Port
	}

	s.ports = lan.Ports{DHCP: free(), Proxy: free(), TFTP: free()}
	s.web = uint16(free())

	for _, address := range []netip.Addr{siteAddress(), serverAddress()} {
		if address == serverAddress() || !s.serves {
			servers = append(servers, netip.AddrPortFrom(address, uint16(s.ports.DHCP)))
		}
	}

	if err == nil {
		s.network, err = lan.NewRelay(lan.RelayConfig{Agents: agents(), Servers: servers, Ports: s.ports})
	}

	return err
}

// ServeHTTP is the image factory, and remembers what it gave away.
func (s *storm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if part := strings.Split(r.URL.Path, "/"); len(part) == 5 && part[1] == "image" {
		sum := sha256.Sum256(s.factory.Content(part[2], part[3], part[4]))

		s.mu.Lock()
		s.wants[hex.EncodeToString(sum[:])] = true
		s.mu.Unlock()
	}

	s.factory.ServeHTTP(w, r)
}
