// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"fmt"

	machineconfig "github.com/siderolabs/talos/pkg/machinery/config"
)

// checkKinds refuses the documents that this version does not know.
func (o *osRun) checkKinds(provider machineconfig.Provider) error {
	contract, err := machineconfig.ParseContractFromVersion(o.version())
	if err != nil {
		return err
	}

	for _, document := range provider.Documents() {
		since, listed := kindsSince()[document.Kind()]
		if listed && since.Greater(contract) {
			return fmt.Errorf("%q %q: not registered", document.Kind(), document.APIVersion())
		}
	}

	return nil
}

// kindsSince are the kinds of documents that came after 1.11, from pkg/machinery/config/types of each release.
func kindsSince() map[string]*machineconfig.VersionContract {
	out := map[string]*machineconfig.VersionContract{}

	for _, kind := range []string{
		"BondConfig", "BridgeConfig", "DHCPv4Config", "DHCPv6Config", "DummyLinkConfig", "HCloudVIPConfig", "HostnameConfig",
		"Layer2VIPConfig", "LinkAliasConfig", "LinkConfig", "OOMConfig", "ResolverConfig", "StaticHostConfig",
		"TimeSyncConfig", "VLANConfig", "WireguardConfig", "RegistryMirrorConfig", "RegistryAuthConfig", "RegistryTLSConfig",
	} {
		out[kind] = machineconfig.TalosVersion1_12
	}

	for _, kind := range []string{
		"BlackholeRouteConfig", "EnvironmentConfig", "ExternalVolumeConfig", "ImageVerificationConfig", "KubeSpanConfig",
		"RoutingRuleConfig", "TCPProbeConfig", "VRFConfig",
	} {
		out[kind] = machineconfig.TalosVersion1_13
	}

	return out
}
