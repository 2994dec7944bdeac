// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/talos"
)

// kubernetesPort is where the Kubernetes API listens when the site file names no endpoint.
const kubernetesPort = "6443"

// endpoint is the URL of the Kubernetes API.
func endpoint(s *site.Site) (*url.URL, error) {
	if s.Network.Endpoint == "" {
		return &url.URL{Scheme: "https", Host: net.JoinHostPort(s.Network.VIP.String(), kubernetesPort)}, nil
	}
	u, err := url.Parse(s.Network.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("network.endpoint %q: %w", s.Network.Endpoint, err)
	}
	return u, nil
}

// requirements are what the bundle asks of Talos, in the words of package talos.
func requirements(r bundles.TalosRequirements) talos.Requirements {
	out := talos.Requirements{
		Extensions: r.Extensions, Sysctls: r.Sysctls, KernelArgs: r.KernelArgs,
		KubeletExtraConfig: r.KubeletExtraConfig, DisableKubeProxy: r.DisableKubeProxy, CNI: r.CNI,
	}
	for _, m := range r.KernelModules {
		out.KernelModules = append(out.KernelModules, talos.KernelModule(m))
	}
	for _, f := range r.Files {
		out.Files = append(out.Files, talos.File(f))
	}
	return out
}

// schematic is the boot image's recipe: the bundle's extensions and the site's.
func (b *bringup) schematic() (id string, yaml []byte, err error) {
	return talos.Schematic(requirements(b.plan.Talos), b.site.Talos.Extensions, b.site.Talos.KernelArgs)
}

func (b *bringup) talosCluster() (talos.Cluster, error) {
	s := b.site
	if b.unreadable != nil { // its images decide which registries have a mirror
		return talos.Cluster{}, b.unreadable
	}
	id, _, err := b.schematic()
	if err != nil {
		return talos.Cluster{}, err
	}
	sans := []string{b.endpoint.Hostname()}
	for _, node := range b.controlPlanes() {
		sans = append(sans, node.Address.String())
	}
	registries, err := registries(s, b.plan, installImage(s.Talos, id), b.opts.archived.images()...)
	if err != nil {
		return talos.Cluster{}, err
	}
	return talos.Cluster{
		Name: s.Metadata.Name, Endpoint: b.endpoint,
		TalosVersion: s.Talos.Version, KubernetesVersion: s.Kubernetes.Version,
		NodeSubnet: s.Network.NodeSubnet, PodSubnets: []netip.Prefix{s.Network.NodePodSubnet},
		ServiceSubnets: []netip.Prefix{s.Network.ServiceSubnet}, DNSDomain: s.Network.ClusterDomain,
		VIP: s.Network.VIP, Gateway: s.Network.Gateway, DNSServers: s.Network.DNSServers, NTPServers: s.Network.NTPServers,
		InstallImage: installImage(s.Talos, id),
		Registries:   registries,
		Requirements: requirements(b.plan.Talos), SANs: sans,
		AllowSchedulingOnControlPlanes: true,
		Patches:                        patches("talos.patches", s.Talos.Patches),
		RolePatches: map[talos.Role][]talos.Patch{
			talos.ControlPlane: patches("talos.rolePatches.controlplane", s.Talos.RolePatches.ControlPlane),
			talos.Worker:       patches("talos.rolePatches.worker", s.Talos.RolePatches.Worker),
		},
	}, nil
}

func installImage(t *site.Talos, schematic string) string {
	if t.SecureBoot {
		return talos.SecureBootInstallImage(t.Factory, schematic, t.Version)
	}
	return talos.InstallImage(t.Factory, schematic, t.Version)
}

// mirrors are the site's registry mirrors. A factory without TLS is one more: nodes pull the installer image from it, and
// take a registry for https unless they are told otherwise.
func mirrors(s *site.Site) map[string][]string {
	if s.Talos == nil {
		return s.Registries.Mirrors
	}
	factory, err := url.Parse(s.Talos.Factory)
	if err != nil || factory.Scheme != "http" || s.Registries.Mirrors[factory.Host] != nil {
		return s.Registries.Mirrors
	}
	out := maps.Clone(s.Registries.Mirrors)
	if out == nil {
		out = map[string][]string{}
	}
	out[factory.Host] = []string{s.Talos.Factory}
	return out
}

func talosNode(s *site.Site, n site.Node) (talos.Node, error) {
	network, err := nodeNetwork(n.Network)
	if err != nil {
		return talos.Node{}, fmt.Errorf("node %s: %w", n.Name, err)
	}
	out := talos.Node{
		Name: n.Name, Role: talos.Role(n.Role), Address: netip.PrefixFrom(n.Address, s.Network.NodeSubnet.Bits()),
		Network: network,
		Disk:    diskSelector(n), WipeDisk: n.Disk.Wipe,
		Volumes: volumes(n.Volumes),
		Patches: patches(placeOf(s, n)+".patches", n.Patches),
	}
	if n.MAC == "" {
		return out, nil
	}
	mac, err := net.ParseMAC(n.MAC)
	if err != nil {
		return talos.Node{}, fmt.Errorf("node %s: mac %q: %w", n.Name, n.MAC, err)
	}
	out.MAC = mac
	return out, nil
}

// placeOf is where a node stands in the site file: nodes[2].
func placeOf(s *site.Site, n site.Node) string {
	i := slices.IndexFunc(s.Nodes, func(other site.Node) bool { return other.Name == n.Name })
	return fmt.Sprintf("nodes[%d]", i)
}

// patches carry the place in the site file, so that an error leads a person to it.
func patches(place string, in []site.Patch) []talos.Patch {
	var out []talos.Patch
	for i, p := range in {
		out = append(out, talos.Patch{Place: fmt.Sprintf("%s[%d]", place, i), Body: p})
	}
	return out
}
