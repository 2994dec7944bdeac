// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	pin "github.com/pin/tftp/v3"
)

// errBusy is sent to a client that has all the transfers it may have.
var errBusy = errors.New("too many transfers at once: try again")

// handler answers one read request. What it returns is also sent to the client, so no error here names a path.
func (s *Server) handler(ctx context.Context) func(string, io.ReaderFrom) error {
	return func(name string, to io.ReaderFrom) error {
		transfer := Transfer{Name: name}
		outgoing, ok := to.(pin.OutgoingTransfer)
		if ok {
			remote := outgoing.RemoteAddr()
			transfer.Client = remote.AddrPort().Addr().Unmap()
		}
		transfer.Sent, transfer.Err = s.send(ctx, transfer.Client, name, to, outgoing)
		if transfer.Err != nil && isProbe(transfer) {
			transfer.Probe, transfer.Err = true, nil
		}
		s.finished(transfer)
		return transfer.Err
	}
}

func (s *Server) send(ctx context.Context, client netip.Addr, name string, to io.ReaderFrom, size pin.OutgoingTransfer) (int64, error) {
	data, ok := s.files[key(name)]
	if !ok {
		return 0, &NotFoundError{Name: name}
	}
	if !s.slots.take(client) {
		return 0, errBusy
	}
	defer s.slots.give(client)
	if size != nil {
		size.SetSize(int64(len(data)))
	}
	ctx, cancel := context.WithTimeout(ctx, transferLimit)
	defer cancel()
	sent, err := to.ReadFrom(&cancelled{ended: ctx.Err, reader: bytes.NewReader(data)})
	if err != nil {
		return sent, fmt.Errorf("send %q: %w", name, err)
	}
	return sent, nil
}

// isProbe tells a client that ended the exchange itself before the first block from one that fell silent or was refused.
func isProbe(t Transfer) bool {
	var refused *NotFoundError
	var silent net.Error
	return t.Sent == 0 && !errors.As(t.Err, &refused) && !errors.As(t.Err, &silent) &&
		!errors.Is(t.Err, errBusy) && !errors.Is(t.Err, context.Canceled) && !errors.Is(t.Err, context.DeadlineExceeded)
}

// cancelled is a reader that fails when its transfer was ended: the library asks it for each block.
type cancelled struct {
	ended  func() error
	reader io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ended(); err != nil {
		return 0, err
	}
	return c.reader.Read(p)
}

// key is the form names are compared in: "/UNDIONLY.KPXE" and "\undionly.kpxe\xff" -> "undionly.kpxe". Firmware adds a
// leading slash or backslash, changes case, and some copies a 0xff from behind the option that held the name. No path
// is ever made of it.
func key(name string) string {
	for strings.HasSuffix(name, "\xff") {
		name = name[:len(name)-1]
	}
	return strings.ToLower(strings.TrimLeft(name, `/\`))
}

// slots counts the transfers under way.
type slots struct {
	total, each int

	mu       sync.Mutex
	used     int
	byClient map[netip.Addr]int
}

func newSlots(total, each int) *slots {
	return &slots{total: total, each: each, byClient: map[netip.Addr]int{}}
}

func (s *slots) take(client netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= s.total || s.byClient[client] >= s.each {
		return false
	}
	s.used++
	s.byClient[client]++
	return true
}

func (s *slots) give(client netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.byClient[client]--
	if s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}
