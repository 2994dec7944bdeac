// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"golang.org/x/sync/errgroup"
)

// Generate writes the machine config of one node. Equal inputs give equal bytes, on every run and machine. The config
// is whole and has been decoded and validated as a node in metal mode does it, warnings being errors. It holds the
// cluster's secrets: write it to nothing but the node. Errors never do. Safe for concurrent use.
//
// A patch that cannot be applied, or after which the config is refused, gives a [*PatchError], around an
// [*UnknownKeysError] where the Talos that the node runs now is too old for it.
func Generate(c Cluster, s *Secrets, n Node) ([]byte, error) {
	data, err := build(c, s, n)
	if err != nil {
		return nil, fmt.Errorf("machine config of node %q: %w", n.Name, err)
	}

	return data, nil
}

// GenerateAll writes the machine configs of many nodes, on all processors, in the order of the nodes. It reports the
// errors of all nodes.
func GenerateAll(c Cluster, s *Secrets, nodes []Node) ([][]byte, error) {
	configs := make([][]byte, len(nodes))
	errs := make([]error, len(nodes))

	var running errgroup.Group
	running.SetLimit(runtime.GOMAXPROCS(0))

	for i, node := range nodes {
		running.Go(func() error {
			configs[i], errs[i] = Generate(c, s, node)

			return nil
		})
	}

	_ = running.Wait() // errors are kept by node

	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	return configs, nil
}

func build(c Cluster, s *Secrets, n Node) ([]byte, error) {
	if err := check(c, s, n); err != nil {
		return nil, err
	}

	target, err := parseContract(c.TalosVersion)
	if err != nil {
		return nil, err
	}

	version, err := target.lower(n.Running)
	if err != nil {
		return nil, err
	}

	generated, err := fromTalos(c, s, n, version)
	if err != nil {
		return nil, err
	}

	ours, err := nodeDocuments(c, n, version)
	if err != nil {
		return nil, err
	}

	whole, err := merge(generated, ours)
	if err != nil {
		return nil, err
	}

	return patching{c, n, version}.apply(whole)
}

// fromTalos is the config Talos's own generator makes of the cluster, without anything that only we know.
func fromTalos(c Cluster, s *Secrets, n Node, version contract) (config.Provider, error) {
	options := []generate.Option{
		generate.WithVersionContract(version.VersionContract),
		generate.WithSecretsBundle(s.bundle),
		generate.WithInstallImage(c.InstallImage),
		generate.WithAdditionalSubjectAltNames(sans(c, n)),
		generate.WithAllowSchedulingOnControlPlanes(c.AllowSchedulingOnControlPlanes),
		generate.WithSysctls(c.Requirements.Sysctls),
		// Members would else be announced through the vendor's public service.
		generate.WithClusterDiscovery(false),
	}

	if c.DNSDomain != "" {
		options = append(options, generate.WithDNSDomain(c.DNSDomain))
	}

	if c.Requirements.CNI != "" {
		options = append(options, generate.WithClusterCNIConfig(&v1alpha1.CNIConfig{CNIName: c.Requirements.CNI}))
	}

	for host, endpoints := range c.Registries.Mirrors {
		if c.Registries.Places[host] != "" {
			continue
		}

		options = append(options, generate.WithRegistryMirror(host, endpoints...))
	}

	input, err := generate.NewInput(c.Name, c.Endpoint.String(), bareVersion(c.KubernetesVersion), options...)
	if err != nil {
		return nil, err
	}

	if len(c.PodSubnets) > 0 {
		input.PodNet = texts(c.PodSubnets)
	}

	if len(c.ServiceSubnets) > 0 {
		input.ServiceNet = texts(c.ServiceSubnets)
	}

	if n.Role == ControlPlane {
		return input.Config(machine.TypeControlPlane)
	}

	return input.Config(machine.TypeWorker)
}

// sans lists what the API certificates are valid for. Since 1.12 Talos no longer adds the endpoint's host by itself.
func sans(c Cluster, n Node) []string {
	names := []string{c.Endpoint.Hostname()}
	if c.VIP.IsValid() {
		names = append(names, c.VIP.String())
	}

	names = append(append(names, c.SANs...), n.Address.Addr().String())
	seen := make(map[string]bool, len(names))

	return slices.DeleteFunc(names, func(name string) bool {
		again := seen[name]
		seen[name] = true

		return again
	})
}

// encode leaves the comments out: they are the documentation of Talos's types, and half of the bytes.
func encode(provider config.Provider) ([]byte, error) {
	return provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
}

func texts(prefixes []netip.Prefix) []string {
	out := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		out[i] = prefix.String()
	}

	return out
}
