// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// serviceProxy is the HTTP forward proxy (RFC 9110, 3.7) of the lab's Flux controllers: it plays cluster DNS and kube-proxy for
// requests to http://<service>.<namespace>.svc[.<domain>][:port]/, and hands on all others as they are. It tunnels nothing
// (CONNECT), so https sources are out of the lab's reach. It remembers who was asked.
type serviceProxy struct {
	mu    sync.Mutex
	asked map[string]bool // host:port, or a host alone

	routes *routes
	target func(namespace, name string, port int) (string, error)
	server *http.Server
	url    string
	ended  chan struct{}
}

func startServiceProxy(ctx context.Context, routes *routes, target func(namespace, name string, port int) (string, error)) (*serviceProxy, error) {
	listener, err := listenLoopback(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the service proxy: %w", err)
	}
	p := &serviceProxy{asked: map[string]bool{}, routes: routes, target: target, url: "http://" + listener.Addr().String(), ended: make(chan struct{})}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(p.ended)
		_ = p.server.Serve(listener) // ends with close
	}()
	return p, nil
}

func (p *serviceProxy) close() {
	p.server.Close()
	<-p.ended
}

func (p *serviceProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.Host] = true
	p.mu.Unlock()
	if r.URL.Scheme != "http" || r.URL.Host == "" {
		http.Error(w, "lab: this is a forward proxy for plain HTTP", http.StatusBadRequest)
		return
	}
	to, err := p.resolve(r.URL)
	if err != nil {
		http.Error(w, "lab: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(out *httputil.ProxyRequest) {
			// The Host header stays: the program sees the name that was asked for.
			out.Out.URL.Scheme, out.Out.URL.Host = "http", to
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, fmt.Sprintf("lab: %s at %s: %v", r.URL.Host, to, err), http.StatusBadGateway)
		},
	}
	forward.ServeHTTP(w, r)
}

// resolve returns the host:port to forward a request to.
func (p *serviceProxy) resolve(u *url.URL) (string, error) {
	if target, ok := p.routes.get(u.Host); ok {
		return target, nil
	}
	namespace, name, ok := serviceOf(u.Hostname())
	if !ok {
		return u.Host, nil
	}
	port := 80
	if text := u.Port(); text != "" {
		var err error
		if port, err = strconv.Atoi(text); err != nil {
			return "", fmt.Errorf("port of %s: %w", u.Host, err)
		}
	}
	if target, ok := p.routes.get(serviceKey(namespace, name, port)); ok {
		return target, nil
	}
	return p.target(namespace, name, port)
}

// serviceOf takes the DNS name of a Service apart: "a.b.svc" and "a.b.svc.cluster.local" are Service a in namespace b.
func serviceOf(host string) (namespace, name string, ok bool) {
	parts := strings.SplitN(host, ".", 4)
	if len(parts) < 3 || parts[2] != "svc" || parts[0] == "" || parts[1] == "" {
		return "", "", false
	}
	return parts[1], parts[0], true
}

// AskedByFlux are all hosts that Flux's controllers asked for something over HTTP, or wanted to over HTTPS, with the port where
// the URL had one, ordered. The API server and the artifacts, which are on loopback, are not among them.
func (p *Plane) AskedByFlux() []string {
	p.proxy.mu.Lock()
	defer p.proxy.mu.Unlock()
	return slices.Sorted(maps.Keys(p.proxy.asked))
}

// HTTPClient reaches Services by their DNS names over plain HTTP, as a pod would.
func (p *Plane) HTTPClient() *http.Client {
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse(p.proxy.url) }
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		Proxy: proxy, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}}
}

// ServiceProxy is the URL to put into HTTP_PROXY of a process that is to reach Services by name.
func (p *Plane) ServiceProxy() string { return p.proxy.url }

// probeReady asks a readiness endpoint once.
func probeReady(ctx context.Context, proc *process, url string) error {
	select {
	case <-proc.exited:
		return proc.failure()
	default:
		return probeHTTP(ctx, url)
	}
}
