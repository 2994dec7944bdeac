// SPDX-License-Identifier: Apache-2.0

package site

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"
)

func (c *checker) netboot() {
	n := c.site.Netboot
	if n == nil {
		c.fail("netboot", "", missing, "")
		return
	}
	c.oneOf("netboot.mode", n.Mode, ModeProxy, ModeServer, ModeOff)
	c.oneOf("netboot.approve", n.Approve, ApproveSite, ApproveFingerprint, ApproveAny)
	c.interfaces(n)
	if n.Mode == ModeServer {
		c.pool(n.Pool)
		c.require("netboot.leaseTime", n.LeaseTime, leaseTime, "not a time from 2m to 168h", "write it as 1h or 30m")
		return
	}
	const instead = "remove it, or choose mode: server"
	if n.Pool != "" {
		c.fail("netboot.pool", n.Pool, "addresses are given with mode server only", instead)
	}
	if n.LeaseTime != "" {
		c.fail("netboot.leaseTime", n.LeaseTime, "addresses are given with mode server only", instead)
	}
}

func (c *checker) interfaces(n *Netboot) {
	// Linux: IFNAMSIZ is 16 with the final NUL; "/" and white space are refused by dev_valid_name.
	good := func(v string) bool { return len(v) < 16 && !strings.ContainsAny(v, "/ \t\n:") && v != "." && v != ".." }
	const rule, hint = "not the name of a network interface", "the bastion's interface on the nodes' network: see ip link"
	c.names("netboot.interfaces", n.Interfaces, good, rule)
	switch {
	case n.Interface != "" && len(n.Interfaces) > 0:
		c.fail("netboot.interfaces", "", "netboot.interface is given as well", "keep one of the two")
	case n.Mode == ModeOff || len(n.Interfaces) > 0:
		c.optional("netboot.interface", n.Interface, good, rule, hint)
	default:
		c.require("netboot.interface", n.Interface, good, rule, hint)
	}
}

// leaseTime bounds leases: shorter ones would end within a boot, and longer ones than a week only keep addresses from
// others.
func leaseTime(text string) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d >= 2*time.Minute && d <= 7*24*time.Hour
}

// pool checks the range of addresses that netboot gives away: nobody else may have one of them.
func (c *checker) pool(text string) {
	const path, hint = "netboot.pool", "write it as 192.0.2.100-192.0.2.199, inside network.nodeSubnet"
	if text == "" {
		c.fail(path, "", missing+": machines need an address before they have their own", hint)
		return
	}
	first, last, err := addresses(text)
	subnet := c.site.Network.NodeSubnet
	switch {
	case err != nil:
		c.fail(path, text, err.Error(), hint)
		return
	case !first.Is4() || !last.Is4():
		c.fail(path, text, notIPv4, "")
		return
	case !subnet.IsValid() || !subnet.Addr().Is4(): // reported as such
		return
	case !subnet.Contains(first) || !subnet.Contains(last):
		c.fail(path, text, outside+subnet.String(), hint)
		return
	}
	within := func(addr netip.Addr) bool { return addr.IsValid() && !addr.Less(first) && !last.Less(addr) }
	if within(subnet.Masked().Addr()) || within(lastOf(subnet)) {
		c.fail(path, text, "holds the network or broadcast address of network.nodeSubnet "+subnet.String(), hint)
	}
	for _, taken := range c.takenAddresses() {
		if within(taken.addr) {
			c.fail(path, text, "holds "+taken.path+" "+taken.addr.String(), "give away only addresses that nobody has")
		}
	}
}

// takenAddress is an address of the site and where it was given.
type takenAddress struct {
	path string
	addr netip.Addr
}

func (c *checker) takenAddresses() []takenAddress {
	n := c.site.Network
	taken := []takenAddress{{"network.vip", n.VIP}, {"network.gateway", n.Gateway}}
	for i, server := range n.DNSServers {
		taken = append(taken, takenAddress{fmt.Sprintf("network.dnsServers[%d]", i), server})
	}
	for i, node := range c.site.Nodes {
		taken = append(taken, takenAddress{fmt.Sprintf("nodes[%d].address", i), node.Address})
	}
	return taken
}

func (c *checker) assets() {
	if c.site.Assets == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.site.Assets.SHA256)) {
		at := join("assets.sha256", name)
		if path.Base(name) != name || name == "." {
			c.fail(at, name, "not the name of a file", "the factory's names: kernel-amd64, initramfs-amd64.xz, metal-amd64-uki.efi")
		}
		c.require(at, c.site.Assets.SHA256[name], sha256Sum, "not a SHA-256 sum: 64 hex digits in lower case", "print it: sha256sum "+path.Base(name))
	}
}

func sha256Sum(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == 32 && strings.ToLower(text) == text
}

// nodeNetboot checks what one machine needs to netboot.
func (c *checker) nodeNetboot(at string, node Node) {
	c.oneOf(at+".arch", node.Arch, AMD64, ARM64)
	own := node.Netboot
	c.optional(at+".netboot.loader", own.Loader, func(v string) bool { return path.Base(v) == v && v != "." && v != ".." && printable(v) },
		"not the name of a file in --ipxe-dir", "snponly.efi, ipxe.efi, undionly.kpxe or ipxe.pxe")
	if own.DiskBoot != "" {
		c.oneOf(at+".netboot.diskBoot", own.DiskBoot, DiskBootExit, DiskBootSANBoot, DiskBootNotFound)
	}
	if own.DiskBoot == DiskBootSANBoot && node.Arch == ARM64 {
		c.fail(at+".netboot.diskBoot", own.DiskBoot, "not possible with arch arm64: iPXE boots disks itself under BIOS only", "use exit or notFound")
	}
}

// printable reports whether text can stand in a boot file name: printable ASCII without blanks, at most 64 bytes.
func printable(text string) bool {
	return len(text) <= 64 && strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
