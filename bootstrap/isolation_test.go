// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/tenant/policy"
)

const isolatedSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: isolated}
domain: example.org
bundle: paas-full
network: {nodeSubnet: 192.0.2.0/24, vip: 192.0.2.10, loadBalancer: 198.51.100.10-198.51.100.12, management: [198.51.100.128/25]}
netboot: {interface: eth0}
registries: {bastion: {address: "203.0.113.9:5000"}}
nodes:
  - name: a
    role: controlplane
    mac: 52:54:00:00:00:01
    address: 192.0.2.11
    disk: {serial: x}
    bmc: {address: "redfish+https://203.0.113.21", username: root, passwordFile: password}
    network: {vlans: [{id: 20, addresses: [198.18.0.11/24]}]}
  - {name: b, mac: "52:54:00:00:00:02", address: 192.0.2.12, disk: {serial: y}, bmc: {address: "ipmi://b.example.org"}}
`

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// controllerValues are those that a plan gives to cozy-controller.
func controllerValues(t *testing.T, plan *bundles.Plan) map[string]any {
	t.Helper()
	i := slices.IndexFunc(plan.Packages, func(p bundles.Package) bool { return p.Name == controllerPackage })
	require.GreaterOrEqual(t, i, 0)
	return plan.Packages[i].Values
}

func TestTheControllerIsToldWhatTenantsAreIsolatedFrom(t *testing.T) {
	s, err := site.Parse("site.yaml", []byte(isolatedSite))
	require.NoError(t, err)
	plan, err := ResolveBundle(s, "")
	require.NoError(t, err)
	text, err := json.Marshal(controllerValues(t, plan)[isolationValue])
	require.NoError(t, err)
	read, err := policy.ReadSite(text)
	require.NoError(t, err)
	require.Equal(t, policy.Site{
		Enforces: policy.EnforcesCilium,
		Nodes:    prefixes("192.0.2.0/24", "198.18.0.11/32"), Pods: prefixes("10.244.0.0/16", "100.65.0.0/16"),
		Services: prefixes("10.96.0.0/16"), Join: prefixes("100.64.0.0/16"),
		LoadBalancers: prefixes("198.51.100.10/31", "198.51.100.12/32"),
		BMCs:          prefixes("203.0.113.21/32"), Bastions: prefixes("203.0.113.9/32"), Management: prefixes("198.51.100.128/25"),
		API: []netip.Addr{netip.MustParseAddr("192.0.2.10")}, APIPort: 6443, ClusterDomain: "cozy.local",
	}, read)
}

func TestWithoutTenantsTheControllerKnowsNoSite(t *testing.T) {
	plan := planOf(t, hostedText)
	require.Nil(t, controllerValues(t, plan)[isolationValue])
}

func TestARangeIsMadeOfPrefixesThatHoldItExactly(t *testing.T) {
	for text, want := range map[string][]netip.Prefix{
		"192.0.2.0/26":               prefixes("192.0.2.0/26"),
		"192.0.2.10-192.0.2.10":      prefixes("192.0.2.10/32"),
		"192.0.2.1-192.0.2.6":        prefixes("192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/31", "192.0.2.6/32"),
		"0.0.0.0-255.255.255.255":    prefixes("0.0.0.0/0"),
		"0.0.0.0-0.0.0.2":            prefixes("0.0.0.0/31", "0.0.0.2/32"),
		"255.255.255.254/31":         prefixes("255.255.255.254/31"),
		"192.0.2.255 - 192.0.3.0":    prefixes("192.0.2.255/32", "192.0.3.0/32"),
		"":                           nil,
		"2001:db8::1-2001:db8::ffff": nil, // refused by the site file's rules
	} {
		require.Equal(t, want, rangePrefixes(text), text)
	}
}
