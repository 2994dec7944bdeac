// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Netbench measures the netboot servers against the ones people use today, side by side in one run: TFTP against dnsmasq
// and tftpd-hpa, HTTP against nginx, ProxyDHCP against dnsmasq. `make bench-netboot` runs it, docs/netboot-speed.md has
// what it found.
//
// The machine is shared with who knows what, so a time alone says nothing: servers take turns, each contest has several
// rounds, and what is judged are the ratios within a round. It exits with 1 when three of four are below the limit.
//
// It needs Linux and root: dnsmasq serves TFTP on port 69 only, and the DHCP servers get networks of their own.
//
// Still missing: HTTPS, and paths that are slower than this machine's own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// The same program is each of our servers, as a process of its own.
const (
	serveTFTPCommand = "serve-tftp"
	serveHTTPCommand = "serve-http"
	serveDHCPCommand = "serve-dhcp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "netbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 2 {
		switch args[0] {
		case serveTFTPCommand:
			return serveTFTP(ctx, args[1])
		case serveHTTPCommand:
			return serveHTTP(ctx, args[1])
		case serveDHCPCommand:
			return serveDHCP(ctx, args[1])
		}
	}
	flags := flag.NewFlagSet("netbench", flag.ContinueOnError)
	only := flags.String("only", "tftp,http,dhcp", "what to measure")
	rounds := flags.Int("rounds", 5, "rounds of each contest")
	span := flags.Duration("span", time.Second, "how long each server has to work in a round, at least")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := bench{rounds: *rounds, span: *span, out: os.Stdout}
	all := []struct {
		name string
		run  func(context.Context) error
	}{{"tftp", b.tftp}, {"http", b.http}, {"dhcp", b.dhcp}}
	for _, one := range all {
		if !strings.Contains(*only, one.name) {
			continue
		}
		if err := one.run(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", one.name, err)
		}
	}
	if len(b.below) > 0 {
		return errors.New("below the limit: " + strings.Join(b.below, "; "))
	}
	return nil
}
