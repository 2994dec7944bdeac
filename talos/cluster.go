// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"net"
	"net/netip"
	"net/url"
)

// Cluster is what all machine configs of one cluster share.
type Cluster struct {
	Name string
	// Endpoint is the URL of the Kubernetes API, https with a host and a port.
	Endpoint *url.URL
	// TalosVersion is the version that will be installed, such as v1.13.9. It decides the form of the configs.
	TalosVersion string
	// KubernetesVersion such as v1.34.4; it must be one that TalosVersion supports.
	KubernetesVersion string
	// Components are versions of single components that differ from KubernetesVersion while it is upgraded. Nil: none.
	Components Components

	// NodeSubnet holds every node's address; kubelets and etcd use no other.
	NodeSubnet     netip.Prefix
	PodSubnets     []netip.Prefix // at most one per address family; empty: Talos's default
	ServiceSubnets []netip.Prefix // the same
	// DNSDomain is the cluster's DNS domain. Empty: cluster.local.
	DNSDomain string

	// VIP is an address the control planes share by gratuitous ARP. Zero: none.
	VIP netip.Addr
	// Gateway of every node's default route. Zero: no default route.
	Gateway    netip.Addr
	DNSServers []netip.Addr // empty: Talos's default
	NTPServers []string     // names or addresses; empty: Talos's default

	// InstallImage is the installer that is written to disk, see [InstallImage].
	InstallImage string
	// Registries says how nodes pull images.
	Registries Registries
	// Proxy for what the nodes fetch from elsewhere. Nil: none.
	Proxy *HTTPProxy
	// Requirements is what the chosen bundle needs from the nodes.
	Requirements Requirements
	// SANs are further names and addresses that the API certificates are valid for. The VIP, the endpoint's host and
	// the node's own address need not be listed.
	SANs []string
	// AllowSchedulingOnControlPlanes also lets external load balancers send traffic to control planes.
	AllowSchedulingOnControlPlanes bool
	// Patches are for every node, RolePatches for those of one role. They are applied in this order, then the node's own.
	Patches     []Patch
	RolePatches map[Role][]Patch
}

// Patch is a strategic merge patch: a piece of the main document, or a whole document of another kind.
type Patch struct {
	Place string // where the operator wrote it, for messages: nodes[2].patches[0]
	Body  map[string]any
}

// Requirements is what a bundle needs from Talos on every node.
type Requirements struct {
	Extensions    []string          `json:"extensions,omitempty"    yaml:"extensions,omitempty"` // siderolabs/drbd
	KernelModules []KernelModule    `json:"kernelModules,omitempty" yaml:"kernelModules,omitempty"`
	Sysctls       map[string]string `json:"sysctls,omitempty"       yaml:"sysctls,omitempty"`
	Files         []File            `json:"files,omitempty"         yaml:"files,omitempty"`
	// KernelArgs go into the boot image's schematic, never into the machine config: since Talos 1.12 the two conflict.
	KernelArgs         []string       `json:"kernelArgs,omitempty"         yaml:"kernelArgs,omitempty"`
	KubeletExtraConfig map[string]any `json:"kubeletExtraConfig,omitempty" yaml:"kubeletExtraConfig,omitempty"`
	DisableKubeProxy   bool           `json:"disableKubeProxy,omitempty"   yaml:"disableKubeProxy,omitempty"`
	// CNI is none when a package brings its own, or a name Talos knows. Empty: Talos's default.
	CNI string `json:"cni,omitempty" yaml:"cni,omitempty"`
}

// KernelModule is a module to load at boot.
type KernelModule struct {
	Name       string   `json:"name"                 yaml:"name"`
	Parameters []string `json:"parameters,omitempty" yaml:"parameters,omitempty"`
}

// File is a file written to the node at boot.
type File struct {
	Path    string `json:"path"    yaml:"path"`
	Content string `json:"content" yaml:"content"`
	// Op is create, append or overwrite. A wrong one makes the node reboot for ever (seen by Cozystack's users):
	// create fails on a file that exists, the others on one that does not. Empty: create.
	Op string `json:"op,omitempty" yaml:"op,omitempty"`
	// Permissions are Unix mode bits. Zero: 0644.
	Permissions uint32 `json:"permissions,omitempty" yaml:"permissions,omitempty"`
}

// Role is what a node does in the cluster.
type Role string

// The roles of a node.
const (
	ControlPlane Role = "controlplane"
	Worker       Role = "worker"
)

// Node is one machine of a cluster.
type Node struct {
	Name string // host name and Kubernetes node name
	Role Role
	// Address is the node's static address with the length of its network's prefix.
	Address netip.Prefix
	// MAC is the permanent address of the link that gets Address, unless Network has a bond for it. Nil: the physical link
	// with the lowest one, which only Talos 1.13 can express, and which on a machine with several links is seldom the one
	// that was meant.
	MAC net.HardwareAddr
	// Network is what the node has beside one link with one address. Zero: nothing.
	Network Network
	// Disk selects the install disk. It is never defaulted.
	Disk DiskSelector
	// WipeDisk says in the config that the install disk may be wiped. Talos 1.11 to 1.13 wipe it in any case (machined
	// runs its installer with --force): what is on a disk has to be looked at before the config is sent.
	WipeDisk bool
	Volumes  Volumes
	// Running is the version of Talos that will read the config: that of the netbooted system, before Cluster.TalosVersion
	// is installed. The config has the form of the lower of the two. Empty: the same.
	Running string
	Patches []Patch // for this node alone, after those of its role
}
