// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"go.yaml.in/yaml/v3"
)

// release is what one version of Talos added to machine configs: a node that runs an older one refuses a config with it.
type release struct {
	version   *config.VersionContract
	documents []string // kinds
	// keys are by kind of document; the main one's is "". Parts are joined by dots: [] stands for every item of a list,
	// * for any key of a map.
	keys map[string][]string
}

// releases lists what came after the oldest version that configs are written for, oldest first. It is the difference between
// what the libraries of 1.11.6, 1.12.6 and 1.13.9 decode; a test compares it with their types. Within a minor version two
// keys came later, excludeAdvertisedNetworks with 1.12.4 and strictCgroupClassOrdering with 1.12.9 and 1.13.4: nodes of
// patch releases before them refuse those at the dry run.
func releases() []release {
	const tpmOptions = "encryption.keys.[].tpm.options"

	return []release{
		{
			version: config.TalosVersion1_12,
			documents: []string{
				"BondConfig", "BridgeConfig", "DHCPv4Config", "DHCPv6Config", "DummyLinkConfig", "HCloudVIPConfig",
				"HostnameConfig", "Layer2VIPConfig", "LinkAliasConfig", "LinkConfig", "OOMConfig", "RegistryAuthConfig",
				"RegistryMirrorConfig", "RegistryTLSConfig", "ResolverConfig", "StaticHostConfig", "TimeSyncConfig",
				"VLANConfig", "WireguardConfig",
			},
			keys: map[string][]string{
				"":                 {"machine.install.grubUseUKICmdline", "machine.network.kubespan.filters.excludeAdvertisedNetworks"},
				"EthernetConfig":   {"wakeOnLan"},
				"RawVolumeConfig":  {tpmOptions},
				"SwapVolumeConfig": {tpmOptions},
				"UserVolumeConfig": {tpmOptions, "volumeType"},
				"VolumeConfig":     {tpmOptions},
			},
		},
		{
			version: config.TalosVersion1_13,
			documents: []string{
				"BlackholeRouteConfig", "EnvironmentConfig", "ExternalVolumeConfig", "ImageVerificationConfig", "KubeSpanConfig",
				"RoutingRuleConfig", "TCPProbeConfig", "VRFConfig",
			},
			keys: map[string][]string{
				"": {
					"cluster.network.cni.flannel.kubeNetworkPoliciesEnabled",
					// Several values of one argument.
					"cluster.apiServer.extraArgs.*.[]", "cluster.controllerManager.extraArgs.*.[]", "cluster.etcd.extraArgs.*.[]",
					"cluster.proxy.extraArgs.*.[]", "cluster.scheduler.extraArgs.*.[]", "machine.kubelet.extraArgs.*.[]",
				},
				"ExistingVolumeConfig": {"mount.disableAccessTime", "mount.secure"},
				"OOMConfig":            {"strictCgroupClassOrdering"},
				"UserVolumeConfig":     {"mount"},
				"VolumeConfig":         {"mount"},
			},
		},
	}
}

// UnknownKey is a part of a machine config that a Talos version cannot read.
type UnknownKey struct {
	Document string // kind; empty: the main document
	Key      string // machine.install.grubUseUKICmdline; empty: the document as a whole
	Since    string // the first version that knows it: v1.12
}

// String is such as "VRFConfig (since v1.13)".
func (k UnknownKey) String() string {
	return fmt.Sprintf("%s (since %s)", strings.TrimSpace(k.Document+" "+k.Key), k.Since)
}

// UnknownKeysError says that the Talos a node runs now could not read the node's config.
type UnknownKeysError struct {
	Running string // version of the node; empty: Target's
	Target  string // version that will be installed
	Keys    []UnknownKey
}

// Error implements error.
func (e *UnknownKeysError) Error() string {
	names := make([]string, len(e.Keys))
	for i, key := range e.Keys {
		names[i] = key.String()
	}

	running := e.Running
	if running == "" {
		running = e.Target
	}

	return fmt.Sprintf("Talos %s does not know %s", running, strings.Join(names, ", "))
}

// Hint says what to do.
func (e *UnknownKeysError) Hint() string {
	newest := e.Keys[0].Since
	for _, key := range e.Keys {
		newest = max(newest, key.Since) // of one length: v1.12, v1.13
	}

	if e.Running == "" || e.Running == e.Target {
		return "leave it out, or set talos.version to a release of " + newest
	}

	return fmt.Sprintf("boot the machine with a Talos of %s or newer before it gets its config (%s will be installed), or leave it out",
		newest, e.Target)
}

// unknownTo lists what a node with the contract's version could not decode of a finished config. Values that a version
// reads differently are not looked for: the node's own dry run finds them.
func unknownTo(reader contract, data []byte) ([]UnknownKey, error) {
	var found []UnknownKey

	decoder := yaml.NewDecoder(bytes.NewReader(data))

	newer := slices.DeleteFunc(releases(), func(r release) bool { return !r.version.Greater(reader.VersionContract) })
	if len(newer) == 0 {
		return nil, nil
	}

	for {
		var document map[string]any
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}

		kind, _ := document["kind"].(string)
		for _, r := range newer {
			found = append(found, r.unknown(kind, document)...)
		}
	}
}

func (r release) unknown(kind string, document map[string]any) []UnknownKey {
	if slices.Contains(r.documents, kind) {
		return []UnknownKey{{kind, "", r.version.String()}}
	}

	var found []UnknownKey

	for _, key := range r.keys[kind] {
		for _, place := range slices.Compact(present(document, strings.Split(key, "."))) {
			found = append(found, UnknownKey{kind, strings.ReplaceAll(place, ".[]", "[]"), r.version.String()})
		}
	}

	if name, _ := document["name"].(string); kind == "LinkAliasConfig" && r.version == config.TalosVersion1_13 && strings.Contains(name, "%d") {
		found = append(found, UnknownKey{kind, "name " + name, r.version.String()})
	}

	return found
}

// present lists the places of a tree that a pattern means, in order.
func present(tree any, pattern []string) []string {
	if len(pattern) == 0 {
		return []string{""}
	}

	var found []string

	below := func(key string, child any) {
		for _, rest := range present(child, pattern[1:]) {
			found = append(found, strings.TrimSuffix(key+"."+rest, "."))
		}
	}

	switch node := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			if pattern[0] == key || pattern[0] == "*" {
				below(key, node[key])
			}
		}
	case []any:
		if pattern[0] == "[]" {
			for _, item := range node {
				below("[]", item)
			}
		}
	}

	return found
}
