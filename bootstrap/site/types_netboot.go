// SPDX-License-Identifier: Apache-2.0

package site

// Netboot says how machines are booted from the bastion.
type Netboot struct {
	// Interface is the bastion's, on the nodes' network. With several, Interfaces names them and Interface is empty.
	Interface  string   `json:"interface,omitempty"`
	Interfaces []string `json:"interfaces,omitempty"`
	Mode       string   `json:"mode,omitempty" jsonschema:"enum=proxy,enum=server,enum=off"`        // proxy (beside the site's DHCP server), server or off
	Approve    string   `json:"approve,omitempty" jsonschema:"enum=site,enum=fingerprint,enum=any"` // site, fingerprint or any
	// Pool is the range of addresses that mode server gives to machines before they have their own: "first-last" or a
	// network, inside network.nodeSubnet.
	Pool string `json:"pool,omitempty"`
	// LeaseTime is how long such an address is a machine's without being asked for again: "1h". Mode server only.
	LeaseTime string `json:"leaseTime,omitempty"`
}

// Modes of netboot.
const (
	ModeProxy  = "proxy"  // beside the site's own DHCP server
	ModeServer = "server" // as the only DHCP server
	ModeOff    = "off"    // machines are booted by other means
)

// Whom netboot approves.
const (
	ApproveSite        = "site"        // every machine of the site file
	ApproveFingerprint = "fingerprint" // control planes only after a person compared their certificate's fingerprint
	ApproveAny         = "any"         // unknown machines are booted too, but never configured
)

// On are the bastion's interfaces that machines are netbooted on. Empty with mode off.
func (n *Netboot) On() []string {
	if n.Interface != "" {
		return []string{n.Interface}
	}
	return n.Interfaces
}

// Assets are the files that machines netboot.
type Assets struct {
	// SHA256 pins files by name, as kernel-amd64: lower-case hex. A file that is not named is recorded when it is first
	// fetched.
	SHA256 map[string]string `json:"sha256,omitempty"`
}

// Architectures of nodes.
const (
	AMD64 = "amd64"
	ARM64 = "arm64"
)

// NodeNetboot is what one machine needs to netboot that others don't.
type NodeNetboot struct {
	// Loader is the iPXE binary for this machine, by its name in --ipxe-dir: ipxe.efi where snponly.efi hangs. Empty: chosen
	// by its firmware.
	Loader string `json:"loader,omitempty"`
	// DiskBoot is how the machine is sent to its disk once it is installed. Empty: chosen by how it asks.
	DiskBoot string `json:"diskBoot,omitempty" jsonschema:"enum=exit,enum=sanboot,enum=notFound"`
}

// Ways to the disk.
const (
	DiskBootExit     = "exit"     // iPXE ends, and the firmware goes on to the next boot device
	DiskBootSANBoot  = "sanboot"  // iPXE boots the first disk itself; BIOS only
	DiskBootNotFound = "notFound" // the boot file is not there (HTTP 404), so that the firmware goes on
)
