// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// kernelLogArg is the kernel argument with which Talos sends its kernel's log, one JSON record in each UDP packet.
const kernelLogArg = "talos.logging.kernel="

const (
	// maxLogPacket is one byte longer than any record that is read: a longer packet is cut to it, and then refused.
	maxLogPacket = 8<<10 + 1
	// maxConsoles bounds from how many addresses fingerprints are kept: anybody may send packets from any.
	maxConsoles = 4096
)

// ConsoleError says that the machine that answers at an address is not the one that prints its log from there.
type ConsoleError struct {
	Node string
	Addr netip.Addr
}

func (e *ConsoleError) Error() string {
	return fmt.Sprintf("the machine at %s shows another fingerprint than its kernel's log says it has: somebody else may answer for %s",
		e.Addr, e.Node)
}

// Hint says how to find out.
func (e *ConsoleError) Hint() string {
	return "compare the fingerprint on the console of " + e.Node + " with the one of: cozy-install node show " + e.Node +
		"; if they are the same, a packet of the log was lost: restart the machine and run up again; if not, find out who has its address"
}

// consoleLog hears the kernel logs of machines and keeps the last fingerprint of each address. It is a second way to a
// machine's console, for nobody who only answers in a machine's place can also keep it from sending; whoever forges packets
// can make a machine be refused, and no more.
type consoleLog struct {
	conn  net.PacketConn
	from  netip.Prefix // whom to listen to
	log   *slog.Logger
	ended chan struct{}

	mu   sync.Mutex
	last map[netip.Addr]string
}

// listenToConsoles starts to hear kernel logs where the site file tells the nodes to send them, if that is here.
func (b *bringup) listenToConsoles(ctx context.Context, say phase.Say) error {
	at, ok := kernelLogTarget(b.site)
	if !ok || b.consoles != nil {
		return nil
	}
	if here, err := isHere(at.Addr()); err != nil || !here {
		b.log.Debug("kernel logs go to another host", "to", at, "error", err)
		return err
	}
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", at.String())
	if err != nil {
		say("kernel logs are not heard, so no fingerprint is compared with them: %v", err)
		return nil // whoever has the port may be meant to have it
	}
	b.consoles = hear(conn, b.site.Network.NodeSubnet, b.log)
	say("listening on %s for the kernel logs of the nodes", at)
	return nil
}

// hear reads packets until end. It owns the connection.
func hear(conn net.PacketConn, from netip.Prefix, log *slog.Logger) *consoleLog {
	c := &consoleLog{conn: conn, from: from.Masked(), log: log, ended: make(chan struct{}), last: map[netip.Addr]string{}}
	go func() {
		defer close(c.ended)
		packet := make([]byte, maxLogPacket)
		for {
			n, sender, err := conn.ReadFrom(packet)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if addr, ok := sender.(*net.UDPAddr); ok && err == nil {
				c.take(addr.AddrPort().Addr().Unmap(), packet[:n])
			}
		}
	}()
	return c
}

func (c *consoleLog) take(from netip.Addr, record []byte) {
	if !c.from.Contains(from) {
		return
	}
	fingerprint, ok := talos.ConsoleFingerprint(record)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.last[from]; !known && len(c.last) >= maxConsoles {
		return
	}
	c.last[from] = fingerprint
	c.log.Info("a console shows its fingerprint", "addr", from, "fingerprint", fingerprint)
}

// of is the last fingerprint that came from an address. False: none did. A nil receiver heard nobody.
func (c *consoleLog) of(addr netip.Addr) (string, bool) {
	if c == nil {
		return "", false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fingerprint, ok := c.last[addr]
	return fingerprint, ok
}

// end stops hearing. A nil receiver has nothing to stop.
func (c *consoleLog) end() error {
	if c == nil {
		return nil
	}
	err := c.conn.Close()
	<-c.ended
	return err
}

// agreesWithConsole compares the certificate that a machine shows with what its kernel's log said, if that was heard.
func (b *bringup) agreesWithConsole(node site.Node, machine sight) error {
	fingerprint, ok := b.consoles.of(machine.addr.Addr())
	switch {
	case !ok:
		return nil
	case fingerprint != machine.fingerprint:
		return &ConsoleError{Node: node.Name, Addr: machine.addr.Addr()}
	}
	b.log.Info("the certificate is that of the console", "node", node.Name, "fingerprint", fingerprint)
	return nil
}

// kernelLogTarget is where the site file's kernel arguments send the kernel's log by UDP. False: nowhere.
func kernelLogTarget(s *site.Site) (netip.AddrPort, bool) {
	if s.Talos == nil {
		return netip.AddrPort{}, false
	}
	for _, arg := range s.Talos.KernelArgs {
		text, ok := strings.CutPrefix(arg, kernelLogArg)
		if !ok {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "udp" {
			continue
		}
		if at, err := netip.ParseAddrPort(u.Host); err == nil {
			return at, true
		}
	}
	return netip.AddrPort{}, false
}

// isHere says that an address is one of this host's.
func isHere(addr netip.Addr) (bool, error) {
	all, err := net.InterfaceAddrs()
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		// All of 127.0.0.0/8 is the loopback interface's.
		return err == nil && (prefix.Addr() == addr || addr.IsLoopback() && prefix.Contains(addr))
	}), err
}
