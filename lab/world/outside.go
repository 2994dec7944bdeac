// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
)

// serveOutside runs a server that stands for the world outside.
func (w *World) serveOutside(life context.Context, what string, listener net.Listener, handler http.Handler) {
	w.outside = append(w.outside, w.serve(life, what, listener, handler))
}

// ServeOutside serves something more at the site's fixed end, in namespaces only, and returns its address.
func (w *World) ServeOutside(ctx context.Context, what string, port uint16, handler http.Handler) (netip.AddrPort, error) {
	at := netip.AddrPortFrom(w.site.Network.Gateway, port)
	listener, err := w.network.Site.Listen(ctx, at)
	if err != nil {
		return at, fmt.Errorf("%s: %w", what, err)
	}
	w.serveOutside(w.life, what, listener, handler) //nolint:contextcheck // it lives as long as the world
	return at, nil
}

// CutOutside ends everything that stands for the world outside, for good: image factory, charts and what ServeOutside serves.
// The site's own DHCP server stays.
func (w *World) CutOutside() error {
	var errs []error
	for _, server := range w.outside {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

// LeadFluxTo lets the plane's Flux, which runs outside the namespaces, ask an HTTP server in them.
func (w *World) LeadFluxTo(ctx context.Context, at string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for Flux's way to %s: %w", at, err)
	}
	way := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", at },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
			return w.network.Site.Dial(ctx, netip.Addr{}, to)
		}},
	}
	w.serve(w.life, "Flux's way to "+at, listener, way) //nolint:contextcheck // it lives as long as the world
	return w.Plane.RouteHost(at, listener.Addr().String())
}
