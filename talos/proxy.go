// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"net/netip"
	"net/url"
	"strings"

	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/types/runtime"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// HTTPProxy is a proxy for what nodes fetch from elsewhere: images above all.
type HTTPProxy struct {
	HTTP  *url.URL // nil: none
	HTTPS *url.URL // the same
	// Except are hosts, .domains, addresses and networks that are reached directly, beside the cluster's own networks and
	// names, which always are.
	Except []string
	// Login is "user:password". Empty: none.
	Login Hidden
}

// environmentDocuments set the proxy for Talos and its services. The names are in lower case, as Talos's documentation has
// them: containerd and the kubelet take both.
func environmentDocuments(c Cluster, version contract, main *v1alpha1.Config) []configtypes.Document {
	variables := c.Proxy.variables(c)

	switch {
	case len(variables) == 0:
		return nil
	case version.environmentDocument():
		document := runtime.NewEnvironmentV1Alpha1()
		document.EnvironmentVariables = variables

		return []configtypes.Document{document}
	default:
		main.MachineConfig.MachineEnv = variables //nolint:staticcheck // the form before 1.13

		return nil
	}
}

func (p *HTTPProxy) variables(c Cluster) map[string]string {
	if p == nil {
		return nil
	}

	out := map[string]string{}
	if p.HTTP != nil {
		out["http_proxy"] = p.with(p.HTTP)
	}

	if p.HTTPS != nil {
		out["https_proxy"] = p.with(p.HTTPS)
	}

	if len(out) > 0 {
		out["no_proxy"] = strings.Join(p.direct(c), ",")
	}

	return out
}

// with puts the login into a proxy's URL, where Go's and curl's clients look for it.
func (p *HTTPProxy) with(proxy *url.URL) string {
	whole := *proxy
	if user, password, ok := strings.Cut(string(p.Login), ":"); ok {
		whole.User = url.UserPassword(user, password)
	}

	return whole.String()
}

// direct lists what is reached without the proxy: nodes, pods and services would else talk to each other through it.
func (p *HTTPProxy) direct(c Cluster) []string {
	domain := c.DNSDomain
	if domain == "" {
		domain = "cluster.local"
	}

	direct := []string{"localhost", "127.0.0.0/8", c.Endpoint.Hostname(), c.NodeSubnet.String()}
	for _, subnets := range [][]netip.Prefix{c.PodSubnets, c.ServiceSubnets} {
		direct = append(direct, texts(subnets)...)
	}

	return append(append(direct, ".svc", "."+domain), p.Except...)
}
