// SPDX-License-Identifier: Apache-2.0

// Package tftp serves a fixed set of files read-only by TFTP: RFC 1350 with the options blksize (RFC 2348), timeout and
// tsize (RFC 2349) and windowsize (RFC 7440).
//
// The sender is our own (docs/adr/0014-a-tftp-sender-of-our-own.md). It refuses to know machines, and no path is ever
// made of what a client sent: a name that is not in the set does not exist.
//
// Still missing: IPv6; netascii, which no firmware asks for.
package tftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Transfers at once: the total bounds memory and file descriptors, the share of one client keeps the rest for others.
const (
	maxTransfers          = 2000
	maxTransfersPerClient = 32
)

// File is one served file.
type File struct {
	// Data is the whole file, unless Root is set. It must not be changed afterwards.
	Data []byte
	// Root and Name say where the file is on disk. Each transfer opens it anew, and never one outside of Root.
	Root *os.Root
	Name string
}

// Config is what a server serves. Its fields must not be changed afterwards.
type Config struct {
	// Files are served by bare name, without slashes. Case does not matter, because some ROMs send capitals.
	Files map[string]File
	// Admit is asked before each transfer of a file that is served. The text of its error is sent to the client, so it
	// holds no path. It must not hold up its caller, which takes all requests. Nil: everybody is admitted.
	Admit func(Request) error
	// Finished is told the end of each request, from several goroutines, which it must not hold up. Nil: nobody asks.
	Finished func(Transfer)
	// SinglePort sends answers from the port that requests come to, for networks whose firewalls or address translators
	// drop answers from a new port. RFC 1350 section 4 wants a new one, so that is the default.
	SinglePort bool
}

// Request is what a client asked for.
type Request struct {
	Client netip.Addr
	// MAC is the first element of the name, as DHCP answers put it there; nil when the name has none. It is only claimed.
	MAC  net.HardwareAddr
	Name string // without the MAC, as asked, at most 500 bytes; may hold anything
}

// Transfer tells how one request ended.
type Transfer struct {
	Request
	Size              int64 // of the file; 0 when the request was refused
	Sent              int64 // bytes that the client has acknowledged
	BlockSize, Window int   // as negotiated; 0 when the request was refused
	Resent            int   // blocks that were sent again
	Took              time.Duration
	// Probe is true when the client asked for the size and went away before the first block, as EDK2 does before each
	// download. It is no failure; Err is nil then.
	Probe bool
	Err   error // nil when the whole file was sent
}

// Server serves files. Make it with New.
type Server struct {
	config Config
	files  map[string]File // by key
	pace   pace
	slots  *slots
	chunks sync.Pool // of files on disk
}

// New makes a server. It opens nothing.
func New(config Config) (*Server, error) {
	files := make(map[string]File, len(config.Files))
	for name, file := range config.Files {
		if name == "" || strings.ContainsAny(name, `/\`) {
			return nil, fmt.Errorf("serve file %q by TFTP: want a bare name", name)
		}
		if _, doubled := files[key(name)]; doubled {
			return nil, fmt.Errorf("serve file %q by TFTP: another name differs only in case", name)
		}
		if file.Root != nil && (file.Data != nil || file.Name == "") {
			return nil, fmt.Errorf("serve file %q by TFTP: want either data or a name below a root", name)
		}
		files[key(name)] = file
	}
	if config.Admit == nil {
		config.Admit = func(Request) error { return nil }
	}
	if config.Finished == nil {
		config.Finished = func(Transfer) {}
	}
	return &Server{
		config: config, files: files, pace: usualPace(), slots: newSlots(maxTransfers, maxTransfersPerClient),
		chunks: sync.Pool{New: func() any { return new([chunkSize]byte) }},
	}, nil
}

// Serve answers requests until ctx ends; then it tells the clients of unfinished transfers, closes conn and returns nil.
// Requests that came since Listen are answered too. It may be called once.
func (s *Server) Serve(ctx context.Context, conn *Conn) error {
	listening, senders, err := s.open(conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	ports := append([]*port{listening}, senders...)
	if s.config.SinglePort {
		senders = ports
	}
	intake := &intake{server: s, senders: senders}
	listening.asked = intake.take

	group, ctx := errgroup.WithContext(ctx)
	for _, p := range ports {
		group.Go(func() error { return p.run(ctx) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("serve TFTP on %s: %w", conn.Addr(), err)
	}
	return nil
}

// open makes ports of a Conn's sockets. With SinglePort there are no senders.
func (s *Server) open(conn *Conn) (listening *port, senders []*port, err error) {
	if listening, err = newPort(conn.listening, s); err != nil {
		return nil, nil, err
	}
	if s.config.SinglePort {
		conn.closeSenders()
	}
	for _, socket := range conn.senders {
		sender, err := newPort(socket, s)
		if err != nil {
			return nil, nil, err
		}
		senders = append(senders, sender)
	}
	return listening, senders, nil
}
