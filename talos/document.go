// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"go.yaml.in/yaml/v3"
)

// nodeDocuments is everything that Talos's generator does not know about the node, as one strategic merge patch.
func nodeDocuments(c Cluster, n Node, version contract) (config.Provider, error) {
	main, err := mainDocument(c, n)
	if err != nil {
		return nil, err
	}

	documents := []configtypes.Document{main}

	volumes, err := volumeDocuments(n.Volumes)
	if err != nil {
		return nil, err
	}

	documents = append(documents, volumes...)

	registries, err := registryDocuments(c, version, main)
	if err != nil {
		return nil, err
	}

	documents = append(documents, registries...)
	documents = append(documents, environmentDocuments(c, version, main)...)

	if version.networkDocuments() {
		network, err := networkDocuments(c, n, version)
		if err != nil {
			return nil, err
		}

		documents = append(documents, network...)
	} else {
		main.MachineConfig.MachineNetwork = legacyNetwork(c, n) //nolint:staticcheck // the form 1.11 reads
		main.MachineConfig.MachineTime = legacyTime(c)          //nolint:staticcheck // the form 1.11 reads
	}

	if c.AllowSchedulingOnControlPlanes && n.Role == ControlPlane {
		deletion, err := configloader.NewFromBytes([]byte(receiveTraffic), configloader.WithAllowPatchDelete())
		if err != nil {
			return nil, err
		}

		documents = append(documents, deletion.Documents()...)
	}

	return container.New(documents...)
}

// receiveTraffic removes the label with which Talos keeps external load balancers away from control planes: where
// they run workloads, they must be reachable like any other node.
const receiveTraffic = `
machine:
  nodeLabels:
    node.kubernetes.io/exclude-from-external-load-balancers:
      $patch: delete
`

// mainDocument holds the fields of the main document, of every version.
func mainDocument(c Cluster, n Node) (*v1alpha1.Config, error) {
	disk, err := n.Disk.install()
	if err != nil {
		return nil, err
	}

	extra, err := plainTree(c.Requirements.KubeletExtraConfig)
	if err != nil {
		return nil, fmt.Errorf("kubelet config of the bundle: %w", err)
	}

	install := &v1alpha1.InstallConfig{InstallDiskSelector: disk}
	if n.WipeDisk {
		install.InstallWipe = new(true)
	}

	document := &v1alpha1.Config{
		MachineConfig: &v1alpha1.MachineConfig{
			MachineInstall: install,
			MachineKubelet: &v1alpha1.KubeletConfig{
				// A node with several addresses would else register with any of them.
				KubeletNodeIP:      &v1alpha1.KubeletNodeIPConfig{KubeletNodeIPValidSubnets: []string{c.NodeSubnet.String()}},
				KubeletExtraConfig: v1alpha1.Unstructured{Object: extra},
			},
			MachineFiles: files(c.Requirements.Files),
		},
		ClusterConfig: &v1alpha1.ClusterConfig{},
	}

	if modules := c.Requirements.KernelModules; len(modules) > 0 {
		document.MachineConfig.MachineKernel = &v1alpha1.KernelConfig{KernelModules: kernelModules(modules)}
	}

	if n.Role == ControlPlane {
		document.ClusterConfig.EtcdConfig = &v1alpha1.EtcdConfig{EtcdAdvertisedSubnets: []string{c.NodeSubnet.String()}}

		if c.Requirements.DisableKubeProxy {
			document.ClusterConfig.ProxyConfig = &v1alpha1.ProxyConfig{Disabled: new(true)}
		}
	}

	c.components(n, document)

	return document, nil
}

func files(wanted []File) []*v1alpha1.MachineFile {
	out := make([]*v1alpha1.MachineFile, 0, len(wanted))

	for _, file := range wanted {
		if file.Op == "" {
			file.Op = "create"
		}

		if file.Permissions == 0 {
			file.Permissions = 0o644
		}

		out = append(out, &v1alpha1.MachineFile{
			FilePath:        file.Path,
			FileContent:     file.Content,
			FileOp:          file.Op,
			FilePermissions: v1alpha1.FileMode(file.Permissions),
		})
	}

	return out
}

func kernelModules(wanted []KernelModule) []*v1alpha1.KernelModuleConfig {
	out := make([]*v1alpha1.KernelModuleConfig, 0, len(wanted))
	for _, module := range wanted {
		out = append(out, &v1alpha1.KernelModuleConfig{ModuleName: module.Name, ModuleParameters: module.Parameters})
	}

	return out
}

// plainTree copies a tree into the types that Talos's YAML decoder makes. Merging refuses a number of another Go type,
// and a shared map would be changed by a later patch.
func plainTree(tree map[string]any) (map[string]any, error) {
	data, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}

	var out map[string]any

	return out, yaml.Unmarshal(data, &out)
}

func merge(base, patch config.Provider) (config.Provider, error) {
	return configpatcher.StrategicMerge(base, configpatcher.NewStrategicMergePatch(patch))
}

// bareVersion is a version without its leading v, as Talos's generator wants Kubernetes's.
func bareVersion(version string) string { return strings.TrimPrefix(version, "v") }
