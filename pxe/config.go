// SPDX-License-Identifier: Apache-2.0

// Package pxe netboots the machines of a site: it joins the DHCP, TFTP and HTTP servers, knows the machines, decides
// what each may boot, and remembers how far each has come.
//
// It serves iPXE, a script, kernels, initramfs and unified kernel images. It refuses to know machine configs, secrets and
// clusters: what it serves is public, and who a machine really is is for its users to check.
//
// Paths built: beside the network's DHCP server or as the DHCP server itself; x86-64 BIOS and UEFI by TFTP to iPXE to HTTP;
// x86-64 and arm64 UEFI by HTTP to the UKI; arm64 UEFI by TFTP to iPXE or to the UKI; machines whose ROM is iPXE.
//
// Still missing: IPv6, and HTTPS.
package pxe

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/cozystack/cozy-install/pxe/assets"
)

// Ports are the ports of the services. Zero fields mean the real ones; others are for networks behind a relay that
// knows them.
type Ports struct {
	DHCP  int // 67; relays get their answers on the same number
	Proxy int // 4011
	TFTP  int // 69
	HTTP  int // 8080
}

func (p Ports) withDefaults() Ports {
	return Ports{
		DHCP:  cmp.Or(p.DHCP, 67),
		Proxy: cmp.Or(p.Proxy, 4011),
		TFTP:  cmp.Or(p.TFTP, 69),
		HTTP:  cmp.Or(p.HTTP, 8080),
	}
}

// Mode is how the server stands to the network's DHCP server.
type Mode string

// The modes.
const (
	ModeProxy  Mode = "proxy"  // leaves addresses to the site's own DHCP server; the zero value's meaning
	ModeServer Mode = "server" // gives addresses itself
)

// Addressing is what ModeServer gives to machines.
type Addressing struct {
	Subnet      netip.Prefix // of the machines
	First, Last netip.Addr   // of the pool
	Excluded    []netip.Addr // addresses in the pool that others have
	Router      netip.Addr   // zero: none
	DNS, NTP    []netip.Addr
	Domain      string        // empty: none
	LeaseTime   time.Duration // zero: an hour
	File        string        // path of the lease file; empty: leases end with the process
}

// Config is everything a Server needs.
type Config struct {
	// Interfaces are the network interfaces the machines are reached by, at least one. VLANs are interfaces too.
	Interfaces []string
	// Address is the server's own IPv4 address, put into every answer, when there is one interface. Zero: each interface's
	// first one.
	Address netip.Addr
	Ports   Ports
	Mode    Mode // empty: ModeProxy
	// Addressing is for ModeServer.
	Addressing Addressing
	// BesideDHCP: a ModeServer starts although another DHCP server answers.
	BesideDHCP bool
	// Machines are those of the site.
	Machines []Machine
	// AcceptUnknown boots strangers too.
	AcceptUnknown bool
	// Approved says whether a person let the stranger with a hardware address in. It is asked for each packet of a
	// stranger, concurrently. Nil: nobody was.
	Approved func(net.HardwareAddr) bool
	// Reinstall says whether a person asked that the machine of that name boots from the network although it is installed.
	// It is asked for each packet of an installed machine, concurrently. Nil: nobody did.
	Reinstall func(name string) bool
	// SecureBoot: only signed images are booted.
	SecureBoot bool
	// IPXEDir has the iPXE binaries. Empty: ipxe.DefaultDir.
	IPXEDir string
	// Assets is what machines boot.
	Assets assets.Assets
	// TFTPSinglePort: see tftp.Config.
	TFTPSinglePort bool
	// Sockets are ports that are open already, as systemd opens them. The server tells machines their numbers, and closes
	// them when it ends. The zero value opens all.
	Sockets Sockets
	// Earlier is what an earlier server remembered. The zero value is nothing.
	Earlier Record
	// Keep is given what the server remembers, when it has changed, from time to time and at the end. Its error is logged
	// and the record is offered again. Nil: nothing is kept.
	Keep func(Record) error
	// Notify is told of each new Notice, one after the other. Nil: nobody listens.
	Notify func(Notice)
	// Log gets details, with keys "mac" and "node". Nil: nothing is logged.
	Log *slog.Logger
	// Now is the clock of the boot history. Nil: time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	c.Ports = c.Ports.withDefaults()
	c.Mode = cmp.Or(c.Mode, ModeProxy)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Approved == nil {
		c.Approved = func(net.HardwareAddr) bool { return false }
	}
	if c.Reinstall == nil {
		c.Reinstall = func(string) bool { return false }
	}
	if c.Notify == nil {
		c.Notify = func(Notice) {}
	}
	return c
}

// check refuses what can be seen to be wrong without looking at the system.
func (c Config) check() error {
	if !slices.Contains([]Mode{"", ModeProxy, ModeServer}, c.Mode) {
		return fmt.Errorf("netboot mode %q: want %q or %q", c.Mode, ModeProxy, ModeServer)
	}
	if len(c.Interfaces) == 0 {
		return errors.New("netboot interfaces: want at least one")
	}
	if c.Address.IsValid() && (!c.Address.Is4() || c.Address.IsUnspecified() || c.Address.IsMulticast() || len(c.Interfaces) > 1) {
		return fmt.Errorf("netboot address %s: want an IPv4 address of the one interface", c.Address)
	}
	for _, port := range []int{c.Ports.DHCP, c.Ports.Proxy, c.Ports.TFTP, c.Ports.HTTP} {
		if port < 0 || port > 65535 {
			return fmt.Errorf("netboot port %d: want 0 to 65535", port)
		}
	}
	for _, m := range c.Machines {
		if m.Name == "" {
			return fmt.Errorf("netboot machine with MACs %v: has no name", m.MACs)
		}
		for _, mac := range m.MACs {
			if len(mac) != 6 {
				return fmt.Errorf("netboot machine %s: hardware address %s: want six bytes", m.Name, mac)
			}
		}
	}
	return nil
}
