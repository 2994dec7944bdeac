// SPDX-License-Identifier: Apache-2.0

// Package site is the site file: the one document in which an operator says what to build.
//
// It knows the file's types, its defaults, how to read it strictly, every rule a value must keep, and the JSON schema
// that editors use. It knows nothing of machines, clusters or packages: whether a bundle can work with a site is decided
// by those who use it, and files named in a site are opened by those who need them.
//
// Still missing: IPv6 and dual-stack networks (refused, in words), bridges and VRFs of nodes (which patches can have), and
// more than one load-balancer range. [Site.Unused] names the fields that are read and checked although the
// stage behind them is not built yet.
package site

import "net/netip"

// APIVersion and Kind are the only ones this version reads.
const (
	APIVersion = "install.cozystack.io/v1alpha1"
	Kind       = "Site"
)

// The bundles. The full ones start from bare machines, the hosted ones from an existing cluster; only paas has tenants.
const (
	PaaSFull     = "paas-full"
	PaaSHosted   = "paas-hosted"
	DistroFull   = "distro-full"
	DistroHosted = "distro-hosted"
)

// Site is a whole site file. What [Load] and [Parse] return has its defaults filled in and keeps every rule.
//
// Paths of other files in it are relative to the site file's directory: see [Site.File].
type Site struct {
	APIVersion string   `json:"apiVersion" jsonschema:"required,enum=install.cozystack.io/v1alpha1"`
	Kind       string   `json:"kind" jsonschema:"required,enum=Site"`
	Metadata   Metadata `json:"metadata" jsonschema:"required"`

	// Domain is the apex under which the platform publishes its services, and the host of tenant-root: a DNS name.
	Domain string `json:"domain" jsonschema:"required"`
	// Bundle is paas-full, paas-hosted, distro-full or distro-hosted.
	Bundle string `json:"bundle" jsonschema:"required,enum=paas-full,enum=paas-hosted,enum=distro-full,enum=distro-hosted"`

	// Talos, Netboot, Assets and Nodes are absent (nil) for hosted bundles, Cluster, Storage and Exposure for the others.
	Talos      *Talos     `json:"talos,omitempty"`
	Kubernetes Kubernetes `json:"kubernetes,omitzero"`
	Network    Network    `json:"network,omitzero"`
	Netboot    *Netboot   `json:"netboot,omitempty"`
	Assets     *Assets    `json:"assets,omitempty"`
	Nodes      []Node     `json:"nodes,omitempty"`

	Cluster  *Cluster  `json:"cluster,omitempty"`
	Storage  *Storage  `json:"storage,omitempty"`
	Exposure *Exposure `json:"exposure,omitempty"`

	Packages     Packages     `json:"packages,omitzero"`
	Certificates Certificates `json:"certificates,omitzero"`
	Registries   Registries   `json:"registries,omitzero"`
	Proxy        *Proxy       `json:"proxy,omitempty"`
	Access       Access       `json:"access,omitzero"`
	Backup       *Backup      `json:"backup,omitempty"`
	TenantRoot   *TenantRoot  `json:"tenantRoot,omitempty"`
	Secrets      Secrets      `json:"secrets,omitzero"`

	given []string // paths of the leaves the file holds, in its order; nil: not from a file
	dir   string   // of the file; empty: the working directory
	file  string   // its path; empty: not from a file
	text  []byte   // what it held when it was loaded; nil: not from a file
}

// Metadata names the site.
type Metadata struct {
	// Name is the cluster's name: a DNS label.
	Name string `json:"name" jsonschema:"required"`
}

// Talos says which Talos Linux the nodes run.
type Talos struct {
	Version    string   `json:"version,omitempty"`    // v1.13.9
	Factory    string   `json:"factory,omitempty"`    // URL of the image factory
	Extensions []string `json:"extensions,omitempty"` // beside those the bundle asks for: siderolabs/<name>
	KernelArgs []string `json:"kernelArgs,omitempty"`
	Patches    []Patch  `json:"patches,omitempty"` // strategic merge patches for every node
	// RolePatches are for the nodes of one role, after Patches and before a node's own.
	RolePatches RolePatches `json:"rolePatches,omitzero"`
	// SecureBoot: every node boots the signed UKI, with Talos's keys enrolled in its firmware.
	SecureBoot bool `json:"secureBoot,omitempty"`
}

// RolePatches are patches by the role of nodes.
type RolePatches struct {
	ControlPlane []Patch `json:"controlplane,omitempty"`
	Worker       []Patch `json:"worker,omitempty"`
}

// Patch is one Talos strategic merge patch: a map, as written in the site file.
type Patch map[string]any

// Kubernetes says which Kubernetes the cluster runs.
type Kubernetes struct {
	Version string `json:"version,omitempty"` // v1.34.4
}

// Network is every range and address of the site. All ranges are pairwise disjoint, but that Management may overlap NodeSubnet.
type Network struct {
	// Endpoint is the https URL of the Kubernetes API. Empty: https://<VIP>:6443.
	Endpoint string `json:"endpoint,omitempty"`
	// VIP is a layer-2 address shared by the control planes; inside NodeSubnet. Zero: none.
	VIP netip.Addr `json:"vip,omitzero"`

	NodeSubnet    netip.Prefix `json:"nodeSubnet,omitzero"`    // where the nodes' addresses lie
	PodSubnet     netip.Prefix `json:"podSubnet,omitzero"`     // Kube-OVN's pods; only of paas-full, which has Kube-OVN
	NodePodSubnet netip.Prefix `json:"nodePodSubnet,omitzero"` // what kube-controller-manager carves per node: the pods' of distro-full
	ServiceSubnet netip.Prefix `json:"serviceSubnet,omitzero"`
	JoinSubnet    netip.Prefix `json:"joinSubnet,omitzero"` // Kube-OVN's node-to-pod network; only of paas-full
	// LoadBalancer is the range of addresses given to Services: two addresses "first-last" or a prefix. Empty: none.
	LoadBalancer string `json:"loadBalancer,omitempty"`
	// Management are further networks that pods of tenants do not reach, where management controllers and this host lie. What the site
	// file gives an address of, in nodes[].bmc and registries.bastion, they do not reach anyway, nor what lies in NodeSubnet.
	Management []netip.Prefix `json:"management,omitempty"`

	Gateway       netip.Addr   `json:"gateway,omitzero"` // the nodes' default route. Zero: none is set
	DNSServers    []netip.Addr `json:"dnsServers,omitempty"`
	NTPServers    []string     `json:"ntpServers,omitempty"`    // names or addresses
	ClusterDomain string       `json:"clusterDomain,omitempty"` // cozy.local
}

// Cluster is the existing cluster of a hosted bundle.
type Cluster struct {
	Kubeconfig string `json:"kubeconfig,omitempty"` // path; empty: the usual places
	Context    string `json:"context,omitempty"`    // empty: the current one
}

// Storage says which storage class a hosted bundle uses.
type Storage struct {
	Class string `json:"class,omitempty"` // empty: the cluster's default
}

// Exposure says how a hosted bundle publishes its ingress: exactly one field is set.
type Exposure struct {
	LoadBalancer bool         `json:"loadBalancer,omitempty"`
	NodePort     bool         `json:"nodePort,omitempty"`
	HostPort     bool         `json:"hostPort,omitempty"`
	ExternalIPs  []netip.Addr `json:"externalIPs,omitempty"`
}

// Packages changes what the bundle installs.
type Packages struct {
	Enable  []string `json:"enable,omitempty"`
	Disable []string `json:"disable,omitempty"`
	// Adopt names packages that take over, on an existing cluster, objects of theirs that others have put there.
	Adopt  []string                  `json:"adopt,omitempty"`
	Values map[string]map[string]any `json:"values,omitempty"` // by package name, merged over the package's own
}

// Certificates says who signs the platform's certificates: at most one field is set; none means selfSigned.
type Certificates struct {
	SelfSigned bool  `json:"selfSigned,omitempty"`
	ACME       *ACME `json:"acme,omitempty"`
	// CA is the path of a PEM file with a certificate and its key.
	CA string `json:"ca,omitempty"`
}

// ACME is an ACME account.
type ACME struct {
	Server string `json:"server,omitempty"` // URL
	Email  string `json:"email,omitempty"`
}

// Registries says where images come from.
type Registries struct {
	Mirrors map[string][]string     `json:"mirrors,omitempty"` // registry host -> endpoints (URLs)
	Auth    map[string]RegistryAuth `json:"auth,omitempty"`    // by registry host
	CA      string                  `json:"ca,omitempty"`      // path of a PEM file with certificates that nodes trust too
	// Bastion is the registry that cozy-install bundle serve runs; nil: there is none.
	Bastion *BastionRegistry `json:"bastion,omitempty"`
}

// BastionRegistry is asked first for the images of the bundle, of Kubernetes and of Talos, whatever registry they are named
// after.
type BastionRegistry struct {
	// Address is the host and port at which nodes reach it, without TLS: 192.168.1.10:5000.
	Address string `json:"address" jsonschema:"required"`
	// Only keeps nodes from asking the registries themselves: there is no network to them. False: they are asked for what the
	// bastion's does not have, or when it does not answer.
	Only bool `json:"only,omitempty"`
}

// RegistryAuth names the credentials of a registry. The password is read from a file. Nodes present them to the host they
// ask: a mirror's, where there is one.
type RegistryAuth struct {
	Username     string `json:"username" jsonschema:"required"`
	PasswordFile string `json:"passwordFile" jsonschema:"required"`
}

// Proxy is the site's HTTP proxy.
type Proxy struct {
	HTTP    string   `json:"http,omitempty"`    // URL, without credentials
	HTTPS   string   `json:"https,omitempty"`   // URL, without credentials
	NoProxy []string `json:"noProxy,omitempty"` // hosts, .domains, addresses and networks reached directly
	// CredentialsFile is the path of a file with "user:password": no password stands in the site file itself.
	CredentialsFile string `json:"credentialsFile,omitempty"`
}

// Access says who may log in.
type Access struct {
	OIDC *OIDC `json:"oidc,omitempty"`
}

// OIDC is an OpenID Connect issuer.
type OIDC struct {
	Issuer   string `json:"issuer" jsonschema:"required"`
	ClientID string `json:"clientID" jsonschema:"required"`
}

// Backup is an S3 bucket for backups.
type Backup struct {
	Endpoint        string `json:"endpoint" jsonschema:"required"`
	Bucket          string `json:"bucket" jsonschema:"required"`
	CredentialsFile string `json:"credentialsFile" jsonschema:"required"`
}

// TenantRoot says which cluster services tenant-root runs. An error with distro-* bundles. Nil means all off.
type TenantRoot struct {
	Etcd       bool `json:"etcd,omitempty"`
	Ingress    bool `json:"ingress,omitempty"`
	Monitoring bool `json:"monitoring,omitempty"`
	SeaweedFS  bool `json:"seaweedfs,omitempty"`
}

// Secrets says how the work directory's secrets are kept.
type Secrets struct {
	// AgeRecipients encrypts the Talos secrets file to these age recipients (age1...). Empty: plain, mode 0600.
	AgeRecipients []string `json:"ageRecipients,omitempty"`
	// AgeIdentityFile is the path of the age identity that reads them back.
	AgeIdentityFile string `json:"ageIdentityFile,omitempty"`
}
