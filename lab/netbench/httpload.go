// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// httpLoad is a number of clients that download one file again and again, each time over a new connection.
type httpLoad struct {
	server  string
	route   string
	size    int64
	clients int
	span    time.Duration
}

// run downloads for the span and breaks off what is under way then.
func (l httpLoad) run(ctx context.Context) (result, error) {
	var total atomic.Int64
	began := time.Now()
	end := began.Add(l.span)
	group, ctx := errgroup.WithContext(ctx)
	for i := range l.clients {
		group.Go(func() error {
			buffer := make([]byte, 256<<10)
			for time.Now().Before(end) {
				if err := l.download(ctx, i, end, buffer, &total); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return result{work: float64(total.Load()) / 1e6, took: time.Since(began)}, err
}

func (l httpLoad) download(ctx context.Context, client int, end time.Time, buffer []byte, total *atomic.Int64) error {
	conn, err := l.dial(ctx, client)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", l.route, l.server); err != nil {
		return fmt.Errorf("ask %s: %w", l.server, err)
	}
	n, err := io.ReadAtLeast(conn, buffer, len("HTTP/1.1 200 OK\r\n\r\n"))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", l.server, err)
	}
	head, body, ok := bytes.Cut(buffer[:n], []byte("\r\n\r\n"))
	if !ok || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) ||
		!bytes.Contains(head, []byte("Content-Length: "+strconv.FormatInt(l.size, 10))) {
		return fmt.Errorf("%s answers %.300q", l.server, buffer[:n])
	}
	got := int64(len(body))
	defer func() { total.Add(got) }()
	for time.Now().Before(end) {
		n, err := conn.Read(buffer)
		got += int64(n)
		if errors.Is(err, io.EOF) {
			if got != l.size {
				return fmt.Errorf("%s ended after %d of %d bytes", l.server, got, l.size)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from %s: %w", l.server, err)
		}
	}
	return nil
}

// dial waits for a server that is just starting. Each client has an address of its own: servers limit what one may have.
func (l httpLoad) dial(ctx context.Context, client int) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 77, 2, byte(1+client))}}
	for end := time.Now().Add(5 * time.Second); ; {
		conn, err := dialer.DialContext(ctx, "tcp4", l.server)
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(end) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
