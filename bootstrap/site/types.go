// Package site is the site file: the one document in which an operator says what to build.
//
// It knows the file's types, its defaults, how to read it strictly, every rule a value must keep, and the JSON schema
// that editors use. It knows nothing of machines, clusters or bundles: whether a bundle can work with a site is decided
// by those who use it.
package site

import "net/netip"

// APIVersion and Kind are the only ones this version reads.
const (
	APIVersion = "install.cozystack.io/v1alpha1"
	Kind       = "Site"
)

// Site is a whole site file with its defaults filled in.
type Site struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`

	// Domain is the apex under which the platform publishes its services, and the host of tenant-root: a DNS name.
	Domain string `json:"domain"`
	// Bundle is paas-full, paas-hosted, distro-full or distro-hosted.
	Bundle string `json:"bundle"`

	// Talos, Netboot and Nodes are absent (nil) for hosted bundles, Cluster, Storage and Exposure for the others.
	Talos      *Talos     `json:"talos,omitempty"`
	Kubernetes Kubernetes `json:"kubernetes,omitzero"`
	Network    Network    `json:"network,omitzero"`
	Netboot    *Netboot   `json:"netboot,omitempty"`
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
}

// Metadata names the site.
type Metadata struct {
	// Name is the cluster's name: a DNS label.
	Name string `json:"name"`
}

// Talos says which Talos Linux the nodes run.
type Talos struct {
	Version    string   `json:"version,omitempty"`    // v1.13.9
	Factory    string   `json:"factory,omitempty"`    // URL of the image factory
	Extensions []string `json:"extensions,omitempty"` // beside those the bundle asks for: siderolabs/<name>
	KernelArgs []string `json:"kernelArgs,omitempty"`
	Patches    []Patch  `json:"patches,omitempty"` // strategic merge patches for every node
}

// Patch is one Talos strategic merge patch: a map, as written in the site file.
type Patch map[string]any

// Kubernetes says which Kubernetes the cluster runs.
type Kubernetes struct {
	Version string `json:"version,omitempty"` // v1.34.4
}

// Network is every range and address of the site. All ranges are pairwise disjoint.
type Network struct {
	// Endpoint is the https URL of the Kubernetes API. Empty: https://<VIP>:6443.
	Endpoint string `json:"endpoint,omitempty"`
	// VIP is a layer-2 address shared by the control planes; inside NodeSubnet. Zero: none.
	VIP netip.Addr `json:"vip,omitzero"`

	NodeSubnet    netip.Prefix `json:"nodeSubnet,omitzero"`    // where the nodes' addresses lie
	PodSubnet     netip.Prefix `json:"podSubnet,omitzero"`     // Kube-OVN's pods
	NodePodSubnet netip.Prefix `json:"nodePodSubnet,omitzero"` // what kube-controller-manager carves per node
	ServiceSubnet netip.Prefix `json:"serviceSubnet,omitzero"`
	JoinSubnet    netip.Prefix `json:"joinSubnet,omitzero"` // Kube-OVN's node-to-pod network
	// LoadBalancer is the range of addresses given to Services: two addresses "first-last" or a prefix. Empty: none.
	LoadBalancer string `json:"loadBalancer,omitempty"`

	Gateway       netip.Addr   `json:"gateway,omitzero"` // the nodes' default route. Zero: none is set
	DNSServers    []netip.Addr `json:"dnsServers,omitempty"`
	NTPServers    []string     `json:"ntpServers,omitempty"`    // names or addresses
	ClusterDomain string       `json:"clusterDomain,omitempty"` // cozy.local
}

// Netboot says how machines are booted from the bastion.
type Netboot struct {
	Interface string `json:"interface,omitempty"` // of the bastion, on the nodes' network
	Mode      string `json:"mode,omitempty"`      // proxy (beside the site's DHCP server), server or off
	Approve   string `json:"approve,omitempty"`   // site, fingerprint or any
}

// Roles of a node.
const (
	ControlPlane = "controlplane"
	Worker       = "worker"
)

// Node is one machine. At least one of MAC, Serial and UUID tells it from the others.
type Node struct {
	Name   string `json:"name"`           // host name and Kubernetes node name: a DNS label
	Role   string `json:"role,omitempty"` // controlplane or worker
	MAC    string `json:"mac,omitempty"`  // 52:54:00:12:34:56, lower case after loading
	Serial string `json:"serial,omitempty"`
	UUID   string `json:"uuid,omitempty"`
	// Address is the node's static address inside network.nodeSubnet.
	Address netip.Addr `json:"address,omitzero"`
	// Disk selects the install disk; exactly one disk must match. Never defaulted.
	Disk    Disk     `json:"disk,omitzero"`
	Storage []string `json:"storage,omitempty"` // devices given to LINSTOR
	Patches []Patch  `json:"patches,omitempty"`
	BMC     *BMC     `json:"bmc,omitempty"`
}

// Disk is a selector over hardware facts. All given fields must match.
type Disk struct {
	Serial    string `json:"serial,omitempty"`
	WWID      string `json:"wwid,omitempty"`
	Model     string `json:"model,omitempty"`     // glob
	Size      string `json:"size,omitempty"`      // ">= 100GB"
	Transport string `json:"transport,omitempty"` // nvme, sata, virtio ...
	Wipe      bool   `json:"wipe,omitempty"`      // accept a disk with data on it
}

// BMC is a node's management controller.
type BMC struct {
	Address  string `json:"address"` // redfish+https://host or ipmi://host
	Username string `json:"username,omitempty"`
	// PasswordFile holds the password: it never stands in the site file itself.
	PasswordFile string `json:"passwordFile,omitempty"`
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
	Enable  []string                  `json:"enable,omitempty"`
	Disable []string                  `json:"disable,omitempty"`
	Values  map[string]map[string]any `json:"values,omitempty"` // by package name, merged over the package's own
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
	CA      string                  `json:"ca,omitempty"`      // path of a PEM file
}

// RegistryAuth names the credentials of a registry. The password is read from a file.
type RegistryAuth struct {
	Username     string `json:"username"`
	PasswordFile string `json:"passwordFile"`
}

// Proxy is the site's HTTP proxy.
type Proxy struct {
	HTTP    string   `json:"http,omitempty"`
	HTTPS   string   `json:"https,omitempty"`
	NoProxy []string `json:"noProxy,omitempty"`
}

// Access says who may log in.
type Access struct {
	OIDC *OIDC `json:"oidc,omitempty"`
}

// OIDC is an OpenID Connect issuer.
type OIDC struct {
	Issuer   string `json:"issuer"`
	ClientID string `json:"clientID"`
}

// Backup is an S3 bucket for backups.
type Backup struct {
	Endpoint        string `json:"endpoint"`
	Bucket          string `json:"bucket"`
	CredentialsFile string `json:"credentialsFile"`
}

// TenantRoot says which cluster services tenant-root runs. An error with distro-* bundles. Nil means all off for now.
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
