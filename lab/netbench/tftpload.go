// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tftpLoad is a number of TFTP clients that fetch one file again and again. They share one thread that polls all their
// sockets, so that what is measured is the server and not the client.
type tftpLoad struct {
	server  netip.AddrPort
	name    string
	want    []byte // the file
	clients int
	window  int // 1: the option is not sent
	atLeast time.Duration
}

const (
	tftpBlock   = 1428
	tftpRetry   = time.Second
	tftpPatient = 20 * time.Second
)

// run starts transfers until atLeast has passed and waits for the last ones.
func (l tftpLoad) run(ctx context.Context) (result, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return result{}, fmt.Errorf("make a poll set: %w", err)
	}
	defer unix.Close(poll)
	r := tftpRun{tftpLoad: l, poll: poll, byFD: map[int32]*tftpClient{}, began: time.Now()}
	for range l.clients {
		if err := r.start(); err != nil {
			return result{}, err
		}
	}
	if err := r.loop(ctx); err != nil {
		return result{}, err
	}
	r.result.took = time.Since(r.began)
	return r.result, nil
}

type tftpRun struct {
	tftpLoad
	result
	poll    int
	byFD    map[int32]*tftpClient
	began   time.Time
	started int
	buffer  [2048]byte
}

// start begins a transfer from a port of its own.
func (r *tftpRun) start() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a client's socket: %w", err)
	}
	// Each client has an address of its own: servers limit what one may have.
	r.started++
	from := unix.SockaddrInet4{Addr: [4]byte{127, 77, 2, byte(1 + r.started%r.clients)}}
	if err := unix.Bind(fd, &from); err != nil {
		return fmt.Errorf("give a client its address: %w", err)
	}
	now := time.Now()
	c := &tftpClient{fd: fd, heardAt: now}
	r.byFD[int32(fd)] = c
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(r.poll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("poll a client's socket: %w", err)
	}
	c.last = binary.BigEndian.AppendUint16(nil, 1)
	c.last = append(c.last, r.name+"\x00octet\x00blksize\x00"+strconv.Itoa(tftpBlock)+"\x00tsize\x000\x00"...)
	if r.window > 1 {
		c.last = append(c.last, "windowsize\x00"+strconv.Itoa(r.window)+"\x00"...)
	}
	return r.send(c, now)
}

func (r *tftpRun) send(c *tftpClient, now time.Time) error {
	c.sentAt = now
	var err error
	if c.isConnected {
		_, err = unix.Write(c.fd, c.last)
	} else {
		err = unix.Sendto(c.fd, c.last, 0, &unix.SockaddrInet4{Addr: r.server.Addr().As4(), Port: int(r.server.Port())})
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil // an answer to an earlier packet: the retry will show
	}
	return err
}

func (r *tftpRun) loop(ctx context.Context) error {
	events := make([]unix.EpollEvent, 128)
	checked := time.Now()
	for len(r.byFD) > 0 {
		n, err := unix.EpollWait(r.poll, events, 200)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll the clients: %w", err)
		}
		now := time.Now()
		for _, event := range events[:max(n, 0)] {
			if c := r.byFD[event.Fd]; c != nil {
				if err := r.receive(c, now); err != nil {
					return err
				}
			}
		}
		if now.Sub(checked) > 200*time.Millisecond {
			checked = now
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := r.retry(now); err != nil {
				return err
			}
		}
	}
	return nil
}

// receive takes what has come for one client: at most a window, so that the others get their turn.
func (r *tftpRun) receive(c *tftpClient, now time.Time) error {
	for range max(r.window, 1) {
		var n int
		var err error
		if c.isConnected {
			n, err = unix.Read(c.fd, r.buffer[:])
		} else {
			var from unix.Sockaddr
			n, from, err = unix.Recvfrom(c.fd, r.buffer[:], 0)
			if err == nil {
				c.isConnected = true
				err = unix.Connect(c.fd, from) // a transfer's packets come from one port
			}
		}
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ECONNREFUSED) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive from the server: %w", err)
		}
		c.heardAt = now
		isOver, err := r.take(c, r.buffer[:n], now)
		if err != nil {
			return err
		}
		if isOver {
			return r.end(c, now)
		}
	}
	return nil
}

func (r *tftpRun) end(c *tftpClient, now time.Time) error {
	delete(r.byFD, int32(c.fd))
	if err := unix.Close(c.fd); err != nil {
		return err
	}
	if now.Sub(r.began) < r.atLeast {
		return r.start()
	}
	return nil
}

// retry sends again what has not been answered for a second.
func (r *tftpRun) retry(now time.Time) error {
	for _, c := range r.byFD {
		switch {
		case now.Sub(c.heardAt) > tftpPatient:
			r.result.lost++
			if err := r.end(c, now); err != nil {
				return err
			}
		case now.Sub(c.sentAt) > tftpRetry && now.Sub(c.heardAt) > tftpRetry:
			r.result.retries++
			if err := r.send(c, now); err != nil {
				return err
			}
		}
	}
	return nil
}
