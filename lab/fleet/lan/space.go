// SPDX-License-Identifier: Apache-2.0

package lan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// linkName is the name of the one link in every space but the bridge's, and secondLink that of the other one of a bastion
// between two networks.
const (
	linkName   = "eth0"
	secondLink = "eth1"
)

// Space is one network namespace without a name. It ends with Close or with the process.
type Space struct {
	name   string
	ns     netns.NsHandle
	handle *netlink.Handle
}

// newSpace makes a namespace with its loopback up.
func newSpace(name string) (*Space, error) {
	s := &Space{name: name, ns: netns.None()}

	err := onLockedThread(func() error {
		var err error
		s.ns, err = netns.New() // enters it as well

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make network namespace %q: %w", name, err)
	}

	if s.handle, err = netlink.NewHandleAt(s.ns); err != nil {
		return nil, errors.Join(fmt.Errorf("talk to network namespace %q: %w", name, err), s.ns.Close())
	}

	lo, err := s.handle.LinkByName("lo")
	if err == nil {
		err = s.handle.LinkSetUp(lo)
	}

	if err == nil {
		err = s.do(acceptBroadcasts)
	}

	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up network namespace %q: %w", name, err), s.Close())
	}

	return s, nil
}

// Here is the namespace that this process runs in, which should be one of its own. Close it as any other.
func Here() (*Space, error) {
	s := &Space{name: "here", ns: netns.None()}

	err := onLockedThread(func() error {
		var err error
		s.ns, err = netns.Get()

		return err
	})
	if err == nil {
		s.handle, err = netlink.NewHandleAt(s.ns)
	}

	if err != nil {
		return nil, errors.Join(fmt.Errorf("find the own network namespace: %w", err), s.Close())
	}

	return s, nil
}

// acceptBroadcasts switches off the reverse path filter of the own namespace, which inherits the host's: with it, a
// link without an address drops the very broadcasts that would give it one.
func acceptBroadcasts() error {
	for _, scope := range []string{"all", "default"} {
		file := "/proc/sys/net/ipv4/conf/" + scope + "/rp_filter"
		if now, err := os.ReadFile(file); err == nil && len(now) > 0 && now[0] == '0' {
			continue
		}

		if err := os.WriteFile(file, []byte("0"), 0o644); err != nil {
			return err
		}
	}

	return nil
}

// Path names the namespace for other programs, as in `nsenter --net=<path>`. It is valid while this process lives.
func (s *Space) Path() string {
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(s.ns))
}

// Start starts a command inside the namespace.
func (s *Space) Start(cmd *exec.Cmd) error { return s.do(cmd.Start) }

// Listen accepts TCP connections inside the namespace.
func (s *Space) Listen(ctx context.Context, at netip.AddrPort) (l net.Listener, err error) {
	err = s.do(func() error {
		var config net.ListenConfig
		l, err = config.Listen(ctx, "tcp4", at.String())

		return err
	})

	return l, err
}

// ListenPacket opens a UDP socket inside the namespace.
func (s *Space) ListenPacket(ctx context.Context, at netip.AddrPort) (c net.PacketConn, err error) {
	err = s.do(func() error {
		var config net.ListenConfig
		c, err = config.ListenPacket(ctx, "udp4", at.String())

		return err
	})

	return c, err
}

// ListenDHCP opens a UDP socket that takes and sends broadcasts on the namespace's link: port 67 for a server.
func (s *Space) ListenDHCP(port int) (c *net.UDPConn, err error) {
	err = s.do(func() error {
		c, err = server4.NewIPv4UDPConn(linkName, &net.UDPAddr{Port: port})

		return err
	})

	return c, err
}

// Dial opens a TCP connection from inside the namespace. A zero from lets the kernel choose. The target is an address:
// names are resolved outside.
func (s *Space) Dial(ctx context.Context, from netip.Addr, to string) (c net.Conn, err error) {
	err = s.do(func() error {
		c, err = dial(ctx, from, to)

		return err
	})

	return c, err
}

func dial(ctx context.Context, from netip.Addr, to string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(to); err != nil {
		return nil, fmt.Errorf("dial %q: the simulated machines know no names: %w", to, err)
	}

	var dialer net.Dialer
	if from.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}

	return dialer.DialContext(ctx, "tcp4", to)
}

// Close gives up the namespace: the kernel removes it when the last socket and process in it are gone.
func (s *Space) Close() error {
	if s.handle != nil {
		s.handle.Close()
		s.handle = nil
	}

	if !s.ns.IsOpen() {
		return nil
	}

	return s.ns.Close()
}

// do runs f on a thread that is inside the namespace. Sockets and processes that f makes stay there.
func (s *Space) do(f func() error) error {
	return onLockedThread(func() error {
		if err := netns.Set(s.ns); err != nil {
			return fmt.Errorf("enter network namespace %q: %w", s.name, err)
		}

		return f()
	})
}

// onLockedThread runs f on a thread of its own and puts the thread back into the namespace it came from. Where that
// fails the thread stays locked to a goroutine that ends, and so ends with it: nothing else ever runs in a wrong place.
func onLockedThread(f func() error) error {
	result := make(chan error, 1)

	go func() {
		runtime.LockOSThread()

		home, err := netns.Get()
		if err != nil {
			runtime.UnlockOSThread()
			result <- fmt.Errorf("remember the network namespace: %w", err)

			return
		}

		err = f()

		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}

		_ = home.Close() // a read-only handle: closing it has no effect to lose
		result <- err
	}()

	return <-result
}
