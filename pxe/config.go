// SPDX-License-Identifier: Apache-2.0

// Package pxe netboots the machines of a site: it joins the DHCP, TFTP and HTTP servers, knows the machines, decides
// what each may boot, and remembers how far each has come.
//
// It serves iPXE, a script, a kernel and an initramfs. It refuses to know machine configs, secrets and clusters: what
// it serves is public, and who a machine really is is for its users to check.
//
// Paths built: ProxyDHCP on one interface; x86-64 BIOS and x86-64 UEFI firmware by TFTP to iPXE to HTTP; machines whose
// ROM is iPXE.
//
// Still missing: server mode (an address pool), UEFI HTTP boot of the UKI, arm64, Secure Boot, rotating ProxyDHCP
// dialects, approval of strangers, several interfaces, metrics, notices of foreign PXE servers.
package pxe

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
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

// ModeProxy leaves addresses to the site's own DHCP server. It is the zero value's meaning.
const ModeProxy Mode = "proxy"

// Config is everything a Server needs.
type Config struct {
	// Interface is the network interface the machines are reached by.
	Interface string
	// Address is the server's own IPv4 address, put into every answer. Zero: the interface's first one.
	Address netip.Addr
	Ports   Ports
	Mode    Mode // empty: ModeProxy, the only one so far
	// Machines are those of the site.
	Machines []Machine
	// AcceptUnknown boots strangers too.
	AcceptUnknown bool
	// IPXEDir has the iPXE binaries. Empty: ipxe.DefaultDir.
	IPXEDir string
	// Assets is what machines boot.
	Assets assets.Assets
	// Log gets details, with keys "mac" and "node". Nil: nothing is logged.
	Log *slog.Logger
	// Now is the clock of the boot history. Nil: time.Now.
	Now func() time.Time
}

// check refuses what can be seen to be wrong without looking at the system.
func (c Config) check() error {
	if c.Mode != "" && c.Mode != ModeProxy {
		return fmt.Errorf("netboot mode %q: only %q is built so far", c.Mode, ModeProxy)
	}
	if c.Address.IsValid() && (!c.Address.Is4() || c.Address.IsUnspecified() || c.Address.IsMulticast()) {
		return fmt.Errorf("netboot address %s: want an IPv4 address of interface %s", c.Address, c.Interface)
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
