// SPDX-License-Identifier: Apache-2.0

// Package tftp serves a fixed set of files, held in memory, read-only, by TFTP (RFC 1350 with the block size and
// transfer size options of RFC 2348 and RFC 2349).
//
// It refuses to know machines and to touch a disk: a name that is not in the set does not exist.
//
// Still missing: windowsize (RFC 7440), which EDK2 asks for and the library lacks; files too big for memory (a UKI);
// single-port mode for networks whose firewalls drop answers from a new port.
package tftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	pin "github.com/pin/tftp/v3"
	"golang.org/x/net/ipv4"
)

const (
	// blockSize keeps a block with its headers inside 1500 bytes with room for a VLAN tag: firmware loses fragments.
	blockSize = 1428
	// A block is sent again after half a second, 16 times: with a fifth of all packets lost each way, a transfer of
	// 700 blocks still ends, and a machine that went away is forgotten after 8.5 s.
	blockTimeout = 500 * time.Millisecond
	blockRetries = 16
	// transferLimit ends a transfer kept alive by somebody who acknowledges a block now and then.
	transferLimit = 5 * time.Minute
	// Transfers at once: the total bounds file descriptors, the share of one client keeps the rest for others.
	maxTransfers          = 2000
	maxTransfersPerClient = 32
)

// Transfer tells how one request ended.
type Transfer struct {
	Client netip.Addr
	Name   string // as asked, at most 500 bytes; may hold anything
	Sent   int64  // bytes of the file
	// Probe is true when the client asked for the size and went away before the first block, as EDK2 does before each
	// download. It is no failure; Err is nil then.
	Probe bool
	Err   error // nil when the whole file was sent
}

// NotFoundError is the answer to a name that is not served.
type NotFoundError struct{ Name string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("file %.64q is not served here", e.Name) }

// Server serves files. Make it with New.
type Server struct {
	files    map[string][]byte
	finished func(Transfer)
	slots    *slots
}

// New makes a server of files by name. Names are matched without regard to case, because some ROMs send capitals.
// Finished is told the end of each request, from the transfer's goroutine, which it must not hold up; nil means nobody
// asks. The map and the bytes must not be changed afterwards.
func New(files map[string][]byte, finished func(Transfer)) *Server {
	served := make(map[string][]byte, len(files))
	for name, data := range files {
		served[key(name)] = data
	}
	if finished == nil {
		finished = func(Transfer) {}
	}
	return &Server{files: served, finished: finished, slots: newSlots(maxTransfers, maxTransfersPerClient)}
}

// Listen opens the port requests come to. Each transfer leaves from a port of its own (RFC 1350 section 4). The error
// is the system's own.
func Listen(ctx context.Context, at netip.AddrPort) (*net.UDPConn, error) {
	var config net.ListenConfig
	packets, err := config.ListenPacket(ctx, "udp4", at.String())
	if err != nil {
		return nil, err
	}
	conn := packets.(*net.UDPConn) // ListenConfig documents the type for "udp4"
	// The library turns this on in Serve; a request that came before would get blocks of 512 bytes.
	if err := ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true); err != nil {
		return nil, errors.Join(fmt.Errorf("ask for packet addresses on %s: %w", at, err), conn.Close())
	}
	return conn, nil
}

// Serve answers requests until ctx ends, closes conn, waits for the transfers under way (at most 8.5 s for machines
// that went silent) and returns nil. It may be called once.
func (s *Server) Serve(ctx context.Context, conn *net.UDPConn) error {
	defer conn.Close() // nothing is buffered in a UDP socket
	server := pin.NewServer(s.handler(ctx), nil)
	server.SetBlockSize(blockSize)
	server.SetTimeout(blockTimeout)
	server.SetRetries(blockRetries)
	server.SetBackoff(func(int) time.Duration { return 0 }) // the timeout is wait enough

	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		_ = conn.Close() // wakes the library's loop
		server.Shutdown()
	})
	err := server.Serve(conn)
	if !stop() {
		<-stopped
	}
	if err != nil {
		return fmt.Errorf("serve TFTP on %s: %w", conn.LocalAddr(), err)
	}
	return nil
}
