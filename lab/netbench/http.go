// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/cozystack/cozy-install/pxe/httpboot"
)

const (
	httpNginx = "127.77.1.4:8080"
	httpOurs  = "127.77.1.5:8080"
	httpSize  = 100 << 20  // a UKI
	httpRoute = "/uki.efi" // also the file's name
)

// http measures downloads of one large file.
func (b *bench) http(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "netbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := writeFile(dir, httpRoute, httpSize); err != nil {
		return err
	}
	nginx, err := startNginx(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nginx.stop()) }()
	own, err := os.Executable()
	if err != nil {
		return err
	}
	ours, err := start(ctx, "cozy-install", here, own, serveHTTPCommand, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	for _, clients := range []int{1, 16, 64} {
		entry := func(p *process, at string) contestant {
			load := httpLoad{server: at, route: httpRoute, size: httpSize, clients: clients, span: b.span}
			return contestant{name: p.name, server: p, isOurs: p == ours, run: load.run}
		}
		err := b.hold(ctx, contest{
			title: fmt.Sprintf("HTTP, 100 MiB, %d clients, load %s", clients, load()), unit: "MB", cpu: "ms/MB", per: 1e-3, limit: 0.95,
			all: []contestant{entry(nginx, httpNginx), entry(ours, httpOurs)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// startNginx starts it as its package would, with sendfile and without a log of each request, which ours has not either.
func startNginx(ctx context.Context, dir string) (*process, error) {
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`user root;
daemon off;
worker_processes auto;
pid %[1]s/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
	sendfile on;
	tcp_nopush on;
	access_log off;
	default_type application/octet-stream;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server { listen %[2]s; root %[1]s; }
}
`, dir, httpNginx)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return start(ctx, "nginx", here, "nginx", "-c", config)
}

// serveHTTP is our server.
func serveHTTP(ctx context.Context, dir string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	name := strings.TrimPrefix(httpRoute, "/")
	server := httpboot.New(httpboot.Config{
		Files:  map[string]httpboot.File{name: {Root: root, Name: name}},
		Script: func(httpboot.ScriptRequest) ([]byte, error) { return nil, httpboot.ErrNotServed },
		Log:    slog.New(slog.DiscardHandler),
	})
	listener, err := httpboot.Listen(ctx, netip.MustParseAddrPort(httpOurs))
	if err != nil {
		return err
	}
	return server.Serve(ctx, listener)
}
