// SPDX-License-Identifier: Apache-2.0

package lan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// RouteVia makes a router the way of the namespace to everywhere else.
func (s *Space) RouteVia(router netip.Addr) error {
	link, err := s.handle.LinkByName(linkName)
	if err != nil {
		return err
	}

	route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: router.AsSlice()}
	if err := s.handle.RouteReplace(route); err != nil {
		return fmt.Errorf("make %s the router of %s: %w", router, s.name, err)
	}

	return nil
}

// Watch sees what others begin with a namespace: TCP connections, UDP and other IPv4 packets that are sent to its link alone, also
// those that it should hand on.
type Watch struct {
	socket *os.File
	ended  chan struct{}

	lock sync.Mutex
	seen []Begun
}

// Begun is one packet that a Watch saw.
type Begun struct {
	Protocol string // tcp, udp, or another one's number
	From, To netip.AddrPort
}

func (b Begun) String() string { return fmt.Sprintf("%s %s -> %s", b.Protocol, b.From, b.To) }

// Watch begins to look at what arrives. Close it.
func (s *Space) Watch() (*Watch, error) {
	link, err := s.handle.LinkByName(linkName)
	if err != nil {
		return nil, err
	}

	w := &Watch{ended: make(chan struct{})}
	err = s.do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}

		w.socket = os.NewFile(uintptr(fd), "watch")

		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ipv4, Ifindex: link.Attrs().Index})
	})
	if err != nil {
		if w.socket != nil {
			err = errors.Join(err, w.socket.Close())
		}

		return nil, fmt.Errorf("watch the packets for %s: %w", s.name, err)
	}

	go w.run()

	return w, nil
}

// ipv4 is the protocol's number in the byte order of the network, which the kernel wants it in.
const ipv4 = unix.ETH_P_IP<<8&0xff00 | unix.ETH_P_IP>>8

func (w *Watch) run() {
	defer close(w.ended)

	raw, err := w.socket.SyscallConn()
	if err != nil {
		return
	}

	packet := make([]byte, 2048)

	for {
		var length int
		var from unix.Sockaddr
		var failed error

		err := raw.Read(func(fd uintptr) bool {
			length, from, failed = unix.Recvfrom(int(fd), packet, 0)

			return !errors.Is(failed, unix.EAGAIN)
		})
		if err != nil {
			return // closed
		}

		link, isLink := from.(*unix.SockaddrLinklayer)
		if failed != nil || !isLink || link.Pkttype != unix.PACKET_HOST {
			continue
		}

		if begun, ok := begins(packet[:length]); ok {
			w.lock.Lock()
			w.seen = append(w.seen, begun)
			w.lock.Unlock()
		}
	}
}

// begins reads a packet from its IPv4 header on, and says whether it is no answer.
func begins(packet []byte) (Begun, bool) {
	const header, ports, flags, syn, ack = 20, 4, 13, 2, 16
	if len(packet) < header {
		return Begun{}, false
	}

	from, _ := netip.AddrFromSlice(packet[12:16])
	to, _ := netip.AddrFromSlice(packet[16:20])
	payload := packet[min(len(packet), int(packet[0]&15)*4):]

	number := packet[9]
	if number != unix.IPPROTO_TCP && number != unix.IPPROTO_UDP || len(payload) < ports {
		return Begun{fmt.Sprint(number), netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0)}, true
	}

	out := Begun{
		"udp", netip.AddrPortFrom(from, binary.BigEndian.Uint16(payload)),
		netip.AddrPortFrom(to, binary.BigEndian.Uint16(payload[2:])),
	}
	if number == unix.IPPROTO_UDP {
		return out, true
	}

	out.Protocol = "tcp"

	return out, len(payload) > flags && payload[flags]&(syn|ack) == syn
}

// Seen is everything until now, in order.
func (w *Watch) Seen() []Begun {
	w.lock.Lock()
	defer w.lock.Unlock()

	return append([]Begun(nil), w.seen...)
}

// Close ends it.
func (w *Watch) Close() error {
	err := w.socket.Close()
	<-w.ended

	return err
}
