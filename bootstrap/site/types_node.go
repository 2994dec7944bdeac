// SPDX-License-Identifier: Apache-2.0

package site

import "net/netip"

// Roles of a node.
const (
	ControlPlane = "controlplane"
	Worker       = "worker"
)

// Node is one machine. At least one of MAC, Serial and UUID tells it from the others.
type Node struct {
	Name string `json:"name" jsonschema:"required"`                                // host name and Kubernetes node name: a DNS label
	Role string `json:"role,omitempty" jsonschema:"enum=controlplane,enum=worker"` // controlplane or worker
	MAC  string `json:"mac,omitempty"`                                             // 52:54:00:12:34:56, lower case after loading
	// MACs are those of its further network cards: a machine may netboot from any of them.
	MACs   []string `json:"macs,omitempty"`
	Arch   string   `json:"arch,omitempty" jsonschema:"enum=amd64,enum=arm64"` // amd64 or arm64
	Serial string   `json:"serial,omitempty"`
	UUID   string   `json:"uuid,omitempty"`
	// Address is the node's static address inside network.nodeSubnet.
	Address netip.Addr `json:"address,omitzero"`
	// Disk selects the install disk; exactly one disk must match. Never defaulted.
	Disk    Disk         `json:"disk,omitzero"`
	Network *NodeNetwork `json:"network,omitempty"` // nil: one link with one address
	Volumes *Volumes     `json:"volumes,omitempty"` // nil: the system takes the whole install disk
	// Storage names the devices given to LINSTOR, by names they keep: /dev/disk/by-id/..., by-path, by-partlabel or by-partuuid.
	// Everything on them is lost. LINSTOR takes them when it makes the node's part of the pool: a device that is added later
	// joins only by its own tools.
	Storage []string    `json:"storage,omitempty"`
	Patches []Patch     `json:"patches,omitempty"` // for this node, after talos.patches and talos.rolePatches
	Netboot NodeNetboot `json:"netboot,omitzero"`
	BMC     *BMC        `json:"bmc,omitempty"`
}

// Disk is a selector over hardware facts. All given fields must match.
type Disk struct {
	Serial    string `json:"serial,omitempty"`    // glob
	WWID      string `json:"wwid,omitempty"`      // glob
	Model     string `json:"model,omitempty"`     // glob
	Size      string `json:"size,omitempty"`      // ">= 100GB"
	Transport string `json:"transport,omitempty"` // nvme, sata, virtio ...
	Wipe      bool   `json:"wipe,omitempty"`      // accept a disk with data on it, which is then lost
}

// BMC is a node's management controller.
type BMC struct {
	Address  string `json:"address" jsonschema:"required"` // redfish+https://host or ipmi://host
	Username string `json:"username,omitempty"`
	// PasswordFile holds the password: it never stands in the site file itself.
	PasswordFile string `json:"passwordFile,omitempty"`
	// Fingerprint is the SHA-256 of the controller's certificate in hexadecimal. Empty: an authority that this host trusts
	// must have signed it.
	Fingerprint string `json:"fingerprint,omitempty"`
	// PowerOn lets up switch the machine on when it does not answer and is off. A machine that is on is left alone.
	PowerOn bool `json:"powerOn,omitempty"`
	// Legacy boots from the network as a BIOS does. IPMI only: with Redfish the firmware's own mode stays.
	Legacy bool `json:"legacy,omitempty"`
}
