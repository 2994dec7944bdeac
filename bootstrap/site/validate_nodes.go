// SPDX-License-Identifier: Apache-2.0

package site

import (
	"encoding/hex"
	"fmt"
	"net"
	"strings"
)

// nodes checks the machines of the site, one by one and against each other.
func (c *checker) nodes() {
	nodes := c.site.Nodes
	c.controlPlanes()
	names, macs, serials, uuids := c.distinct(), c.distinct(), c.distinct(), c.distinct()
	hosts, disks, devices, bmcs := c.distinct(), c.distinct(), c.distinct(), c.distinct()
	hosts.taken[c.site.Network.VIP.String()] = "network.vip"
	hosts.taken[c.site.Network.Gateway.String()] = "network.gateway"
	for i, node := range nodes {
		at := fmt.Sprintf("nodes[%d]", i)
		c.node(at, node)
		names.check(at+".name", node.Name)
		macs.check(at+".mac", strings.ToLower(node.MAC))
		for j, mac := range node.MACs {
			macs.check(fmt.Sprintf("%s.macs[%d]", at, j), strings.ToLower(mac))
		}
		serials.check(at+".serial", strings.ToLower(node.Serial))
		uuids.check(at+".uuid", strings.ToLower(node.UUID))
		for _, mac := range node.furtherMACs(at) {
			macs.check(mac.path, mac.text)
		}
		if node.Address.IsValid() {
			hosts.check(at+".address", node.Address.String())
		}
		for _, one := range node.furtherAddresses(at) {
			hosts.check(one.path, one.prefix.Addr().String())
		}
		if !strings.ContainsAny(node.Disk.Serial+node.Disk.WWID, "*?[") { // a glob may match a disk in each machine
			disks.check(at+".disk.serial", node.Disk.Serial)
			disks.check(at+".disk.wwid", node.Disk.WWID)
		}
		for _, device := range node.ownDevices(at) {
			devices.check(device.path, device.text)
		}
		if node.BMC != nil {
			bmcs.check(at+".bmc.address", node.BMC.Address)
		}
	}
}

// controlPlanes checks that etcd gets members, and an odd number of them: one more than an odd number can lose no more of
// them than that number can, and is one more that can fail.
func (c *checker) controlPlanes() {
	if c.broken.has("nodes") {
		return
	}
	if len(c.site.Nodes) == 0 {
		c.fail("nodes", "", missing+": a full bundle needs machines", "list at least one node with role: controlplane")
		return
	}
	count := 0
	for i, node := range c.site.Nodes {
		if c.broken.has(fmt.Sprintf("nodes[%d].role", i)) || node.Role != ControlPlane && node.Role != Worker {
			return // the count is not known until that is mended
		}
		if node.Role == ControlPlane {
			count++
		}
	}
	switch {
	case count == 0:
		c.fail("nodes", "", "none of them is a control plane", "give one or three nodes role: controlplane")
	case count%2 == 0:
		c.fail("nodes", "", fmt.Sprintf("%d control planes, an even number", count),
			fmt.Sprintf("make it %d or %d: an even number survives no more failures than one less", count-1, count+1))
	}
}

// distinct finds values that may stand only once.
type distinct struct {
	checker *checker
	taken   map[string]string // value -> path of its first place
}

func (c *checker) distinct() distinct { return distinct{checker: c, taken: map[string]string{}} }

func (d distinct) check(path, value string) {
	if value == "" || d.checker.broken.has(path) {
		return
	}
	if first, twice := d.taken[value]; twice {
		d.checker.fail(path, value, duplicate+first, "")
		return
	}
	d.taken[value] = path
}

// node checks one machine by itself.
func (c *checker) node(at string, node Node) {
	c.require(at+".name", node.Name, dnsLabel, notLabel, "")
	c.oneOf(at+".role", node.Role, ControlPlane, Worker)
	if node.MAC == "" && len(node.MACs) == 0 && node.Serial == "" && node.UUID == "" && !c.broken.touches(at) {
		c.fail(at, "", "nothing tells this machine from others", "give its mac, serial or uuid")
	}
	const notMAC, asMAC = "not the hardware address of a machine", "write it as 52:54:00:12:34:56"
	c.optional(at+".mac", node.MAC, hardwareAddress, notMAC, asMAC)
	for i, mac := range node.MACs {
		c.require(fmt.Sprintf("%s.macs[%d]", at, i), mac, hardwareAddress, notMAC, asMAC)
	}
	if node.MAC == "" && len(node.MACs) > 0 && !c.broken.touches(at) {
		c.fail(at+".mac", "", missing+": it comes before macs", "give the card that has the node's address as mac, and further ones as macs")
	}
	c.nodeNetboot(at, node)
	c.optional(at+".serial", node.Serial, serial, "not a serial number", "firmware that was never given one reports such a text: use mac instead")
	c.optional(at+".uuid", node.UUID, machineUUID, "not the UUID of a machine", "write it as 4c4c4544-0051-3010-8056-b9c04f4a3733, or use mac instead")
	if !node.Address.IsValid() {
		c.fail(at+".address", "", missing, "give it an address inside network.nodeSubnet")
	}
	c.onNodeSubnet(at+".address", node.Address)
	c.disk(at+".disk", node.Disk)
	c.nodeNetwork(at, node)
	c.volumes(at+".volumes", node.Volumes)
	c.storage(at+".storage", node)
	c.patches(at+".patches", node.Patches)
	if node.BMC != nil {
		c.bmc(at+".bmc", *node.BMC)
	}
}

// hardwareAddress reports whether text is the MAC-48 address of one card: eight-byte ones don't fit DHCP's htype 1, and a
// multicast address (lowest bit of the first byte, IEEE 802) is nobody's own.
func hardwareAddress(text string) bool {
	mac, err := net.ParseMAC(text)
	return err == nil && len(mac) == 6 && mac[0]&1 == 0 && mac.String() != "00:00:00:00:00:00"
}

// serial refuses what firmware reports when the vendor wrote no serial number (belief: seen on many boards, in no standard).
func serial(text string) bool {
	for _, placeholder := range []string{
		"to be filled by o.e.m.", "default string", "system serial number", "not specified",
		"not applicable", "none", "0", "0123456789", "1234567890", "123456789",
	} {
		if strings.EqualFold(text, placeholder) {
			return false
		}
	}
	return strings.TrimSpace(text) == text
}

// disk checks the selector of the install disk. There is no default: device names change between boots, and the wrong
// disk is lost.
func (c *checker) disk(at string, disk Disk) {
	selector := disk
	selector.Wipe = false
	if selector == (Disk{}) && !c.broken.touches(at) {
		c.fail(at, "", "nothing selects the disk to install on", "give its serial, wwid, model, size or transport: cozy-install never guesses a disk")
	}
	const notGlob, star = "not a pattern", "* stands for any text: Samsung SSD 980*"
	c.optional(at+".serial", disk.Serial, glob, notGlob, star)
	c.optional(at+".wwid", disk.WWID, glob, notGlob, star)
	c.optional(at+".model", disk.Model, glob, notGlob, star)
	c.optional(at+".size", disk.Size, diskSize, "not a comparison of sizes", `write it as ">= 100GB"`)
	c.optional(at+".transport", disk.Transport, func(v string) bool { return madeOf(v, "") }, "not a transport", "nvme, sata, sas, virtio, usb or mmc")
}

// patches checks that no patch is empty, as it is where its lines are not indented below it.
func (c *checker) patches(at string, patches []Patch) {
	for i, patch := range patches {
		if len(patch) == 0 {
			c.fail(fmt.Sprintf("%s[%d]", at, i), "", "an empty patch", "indent the patch's keys below its dash")
		}
	}
}

func (c *checker) bmc(at string, bmc BMC) {
	c.url(at+".address", bmc.Address, "redfish+https", "redfish+http", "ipmi")
	c.optional(at+".fingerprint", bmc.Fingerprint, certificateSum, "not the SHA-256 of a certificate", "write it in hexadecimal, as openssl x509 -fingerprint -sha256 prints it")
	if bmc.PasswordFile != "" && bmc.Username == "" {
		c.fail(at+".username", "", missing, "")
	}
	if bmc.Username != "" && bmc.PasswordFile == "" {
		c.fail(at+".passwordFile", "", missing, "passwords stand in files of their own")
	}
}

// certificateSum reports whether text is a SHA-256 in hexadecimal, with or without colons.
func certificateSum(text string) bool {
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	return err == nil && len(sum) == 32
}
