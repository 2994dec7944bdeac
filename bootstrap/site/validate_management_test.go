// SPDX-License-Identifier: Apache-2.0

package site

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatHasANameLiesInTheManagementNetwork(t *testing.T) {
	named := strings.NewReplacer(
		"disk:", "bmc: {address: 'ipmi://cp1.example.org'}\n    disk:",
		"netboot:", "registries: {bastion: {address: 'bastion.example.org:5000'}}\nnetboot:",
	).Replace(full)
	require.Len(t, problems(t, named), 2)

	for _, network := range []string{"198.51.100.0/24", "10.77.0.128/25"} { // the nodes' own is closed to tenants too
		require.Empty(t, problems(t, strings.Replace(named, "vip:", "management: ["+network+"]\n  vip:", 1)), network)
	}

	require.Empty(t, problems(t, strings.Replace(named, "paas-full", "distro-full", 1)), "there are no tenants")
	require.Equal(t, []string{"9:3 network.management: not possible with bundle distro-full, which has no tenants"},
		problems(t, strings.NewReplacer("paas-full", "distro-full", "vip:", "management: [198.51.100.0/24]\n  vip:").Replace(full)))
}

func TestAnExistingClusterHasAManagementNetworkToo(t *testing.T) {
	require.Empty(t, problems(t, strings.Replace(hosted, "exposure:", "network: {management: [198.51.100.0/24]}\nexposure:", 1)))
}
