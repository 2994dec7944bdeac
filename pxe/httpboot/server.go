// SPDX-License-Identifier: Apache-2.0

// Package httpboot serves what iPXE and UEFI firmware fetch over HTTP: a script made for each machine, and a few files.
//
// It has a fixed set of names, each with a file of its own; no path is made of what a client sent. A name may have the
// hardware address of the machine that asks in front, so that each request is known to be somebody's. It refuses to know
// machines and scripts: the script comes from a function. Nothing it serves is secret.
//
// Still missing: TLS.
package httpboot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// The routes that are not files.
const (
	ScriptPath  = "/boot.ipxe" // ?mac=...[&uuid=...][&arch=...][&serial=...]
	HealthPath  = "/healthz"
	MetricsPath = "/metrics"
)

const (
	// A request's head is a few hundred bytes: who needs longer is no boot ROM.
	headTimeout = 5 * time.Second
	// iPXE keeps its connection while the kernel is being fetched over it; nobody boots slower than a minute a file.
	idleTimeout = time.Minute
	maxHead     = 8 << 10
	// Connections at once: the total bounds file descriptors, the share of one client keeps the rest for others.
	maxConns          = 4000
	maxConnsPerClient = 64
	// A file may take startTimeout and a second for each slowRate bytes. iPXE on UNDI was seen at 0.3 MB/s.
	startTimeout = 30 * time.Second
	slowRate     = 64 << 10
)

// ErrNotServed makes a script request end with status 404.
var ErrNotServed = errors.New("not served")

// Config is what a server serves. Its fields must not be changed afterwards.
type Config struct {
	// Files are the served files by name, which has no slash. "kernel-amd64" is at /kernel-amd64 and, for the machine with
	// that card, at /52-54-00-77-00-01/kernel-amd64.
	Files map[string]File
	// Admit is asked before a file is sent; an error makes it status 404. It is called concurrently. Nil admits all.
	Admit func(FileRequest) error
	// Script returns the script for one machine, or ErrNotServed. It is called concurrently.
	Script func(ScriptRequest) ([]byte, error)
	// Fetched is told about each request for a file that was admitted, when it ended. Nil: nobody asks.
	Fetched func(Fetch)
	// Metrics answers for MetricsPath. Nil: not found.
	Metrics http.Handler
	// Log must not be nil.
	Log *slog.Logger
}

// Fetch tells how a request for a file ended.
type Fetch struct {
	FileRequest

	Sent  int64 // bytes handed to the network
	Whole bool  // the file's last byte was handed to the network
	Head  bool  // only the size was asked for, as UEFI firmware does first
}

// Server serves HTTP. Make it with New.
type Server struct {
	config Config
	conns  *conns
}

// New makes a server.
func New(config Config) *Server {
	if config.Fetched == nil {
		config.Fetched = func(Fetch) {}
	}
	if config.Admit == nil {
		config.Admit = func(FileRequest) error { return nil }
	}
	if config.Metrics == nil {
		config.Metrics = http.NotFoundHandler()
	}
	return &Server{config: config, conns: newConns(maxConns, maxConnsPerClient)}
}

// Listen opens the port. The error is the system's own.
func Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp4", at.String())
}

// Serve answers requests until ctx ends, then breaks off what is under way, closes listener and returns nil. It may be
// called for several listeners, which share the limits.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	// running counts the goroutines of net/http: they start before Serve returns, and tell when they are done.
	var running sync.WaitGroup
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headTimeout,  // bodies are refused; a ReadTimeout would end long downloads
		WriteTimeout:      startTimeout, // files set their own
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		// Counting here instead of in a wrapped listener leaves the connection a *net.TCPConn, which sendfile needs.
		ConnState:   func(conn net.Conn, state http.ConnState) { s.conns.track(conn, state, &running) },
		ConnContext: withConn,
		ErrorLog:    slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() {
		_ = server.Close() // it closes sockets nobody reads from any more
	})
	defer stop()
	err := server.Serve(listener)
	running.Wait()
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	}
	return nil
}

// conns counts open connections and closes those above the limits.
type conns struct {
	total, each int

	mu       sync.Mutex
	open     map[net.Conn]netip.Addr
	byClient map[netip.Addr]int
}

func newConns(total, each int) *conns {
	return &conns{total: total, each: each, open: map[net.Conn]netip.Addr{}, byClient: map[netip.Addr]int{}}
}

func (c *conns) track(conn net.Conn, state http.ConnState, running *sync.WaitGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		running.Add(1)
		client := clientAddr(conn.RemoteAddr().String())
		if len(c.open) >= c.total || c.byClient[client] >= c.each {
			_ = conn.Close() // the client sees it; there is nobody else to tell
			return
		}
		c.open[conn] = client
		c.byClient[client]++
	case http.StateClosed, http.StateHijacked:
		defer running.Done()
		client, counted := c.open[conn]
		if !counted {
			return
		}
		delete(c.open, conn)
		if c.byClient[client]--; c.byClient[client] == 0 {
			delete(c.byClient, client)
		}
	case http.StateActive, http.StateIdle: // still open
	}
}

// clientAddr returns the zero value for what is not "address:port".
func clientAddr(hostPort string) netip.Addr {
	client, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return client.Addr().Unmap()
}
