// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/cozystack/cozy-install/pxe/tftp"
)

// Each server has a loopback address of its own: dnsmasq knows no other TFTP port than 69.
const (
	tftpDnsmasq = "127.77.1.1"
	tftpHPA     = "127.77.1.2"
	tftpOurs    = "127.77.1.3"
)

// tftpFiles: a loader, and as much as a small kernel.
var tftpFiles = []struct {
	name string
	size int
}{{"1MiB", 1 << 20}, {"16MiB", 16 << 20}}

// tftp measures all servers with the same clients: those that wait for each block, as most firmware does; and for ours
// those that ask for a window of 4, as EDK2 does. The others don't know windows.
func (b *bench) tftp(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "netbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files := map[string][]byte{}
	for _, file := range tftpFiles {
		if files[file.name], err = writeFile(dir, file.name, file.size); err != nil {
			return err
		}
	}
	servers, err := startTFTP(ctx, dir)
	defer func() { err = errors.Join(err, stopAll(servers)) }()
	if err != nil {
		return err
	}
	for _, file := range tftpFiles {
		for _, clients := range []int{1, 16, 64} {
			entry := func(name string, server *process, isOurs bool, addr string, window int) contestant {
				load := tftpLoad{
					server: netip.AddrPortFrom(netip.MustParseAddr(addr), 69), name: file.name, want: files[file.name],
					clients: clients, window: window, atLeast: b.span,
				}
				return contestant{name: name, server: server, isOurs: isOurs, run: load.run}
			}
			c := contest{
				title: fmt.Sprintf("TFTP, %s, %d clients, load %s", file.name, clients, load()), unit: "MB", cpu: "ms/MB", per: 1e-3,
				all: []contestant{
					entry("dnsmasq", servers[0], false, tftpDnsmasq, 1),
					entry("tftpd-hpa", servers[1], false, tftpHPA, 1),
					entry("cozy-install", servers[2], true, tftpOurs, 1),
					entry("cozy-install, window of 4", servers[2], true, tftpOurs, 4),
				},
			}
			if clients > 1 { // a single client that waits for each block measures the scheduler
				c.limit = 1.0
			}
			if err := b.hold(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// startTFTP starts the three on one directory and fetches a file from each.
func startTFTP(ctx context.Context, dir string) ([]*process, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var servers []*process
	for _, s := range []struct {
		name, addr, program string
		args                []string
	}{
		{"dnsmasq", tftpDnsmasq, "dnsmasq", []string{
			"--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file=",
			"--bind-interfaces", "--listen-address=" + tftpDnsmasq, "--enable-tftp", "--tftp-root=" + dir,
			"--tftp-max=1000", "--quiet-tftp",
		}},
		{"tftpd-hpa", tftpHPA, "in.tftpd", []string{"--foreground", "--address", tftpHPA + ":69", "--user", "root", "--secure", dir}},
		{"cozy-install", tftpOurs, own, []string{serveTFTPCommand, dir}},
	} {
		p, err := start(ctx, s.name, here, s.program, s.args...)
		if err != nil {
			return servers, err
		}
		p.hidesCPU = s.name == "tftpd-hpa"
		servers = append(servers, p)
		want, err := os.ReadFile(filepath.Join(dir, tftpFiles[0].name))
		if err != nil {
			return servers, err
		}
		server := netip.AddrPortFrom(netip.MustParseAddr(s.addr), 69)
		if _, err := (tftpLoad{server: server, name: tftpFiles[0].name, want: want, clients: 1, window: 1}).run(ctx); err != nil {
			return servers, fmt.Errorf("wait for %s: %w", s.name, err)
		}
	}
	return servers, nil
}

// serveTFTP is our server, which has its files on disk as the others have.
func serveTFTP(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	files := map[string]tftp.File{}
	for _, file := range tftpFiles {
		files[file.name] = tftp.File{Root: root, Name: file.name}
	}
	server, err := tftp.New(tftp.Config{Files: files, Finished: func(t tftp.Transfer) {
		if t.Err != nil {
			fmt.Fprintln(os.Stderr, t.Err)
		}
	}})
	if err != nil {
		return err
	}
	conn, err := tftp.Listen(ctx, netip.AddrPortFrom(netip.MustParseAddr(tftpOurs), 69))
	if err != nil {
		return err
	}
	return server.Serve(ctx, conn)
}

// writeFile makes a file, the same in each run.
func writeFile(dir, name string, size int) ([]byte, error) {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // it never fails
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		return nil, err
	}
	return data, os.Chmod(dir, 0o755) // servers that give up root read it
}
