// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"fmt"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
)

// Component is a part of Kubernetes that a machine config names an image of.
type Component string

// The components, in the order in which they are upgraded. Workers have the last only.
const (
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
	Scheduler         Component = "kube-scheduler"
	Proxy             Component = "kube-proxy"
	Kubelet           Component = "kubelet"
)

// Components are versions by component: v1.34.4. What a node does not run is not in it.
type Components map[Component]string

// Image is the image of a component's version, from where Talos takes it by default.
func (c Component) Image(version string) string {
	return map[Component]string{
		APIServer:         constants.KubernetesAPIServerImage,
		ControllerManager: constants.KubernetesControllerManagerImage,
		Scheduler:         constants.KubernetesSchedulerImage,
		Proxy:             constants.KubeProxyImage,
		Kubelet:           constants.KubeletImage,
	}[c] + ":v" + bareVersion(version)
}

// Components reads the versions that the node's present config names.
func (c *Client) Components(ctx context.Context) (Components, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	present, err := safe.StateGetByID[*configres.MachineConfig](ctx, c.api.COSI, configres.ActiveID)
	if err != nil {
		return nil, c.fail(ctx, "read the machine config", err, nil)
	}

	return componentsOf(present.Provider()), nil
}

// ConfigComponents reads the versions that a generated config names, after all patches.
func ConfigComponents(machineConfig []byte) (Components, error) {
	provider, err := configloader.NewFromBytes(machineConfig)
	if err != nil {
		return nil, fmt.Errorf("read a machine config: %w", oneLine(err))
	}

	return componentsOf(provider), nil
}

func componentsOf(provider config.Provider) Components {
	if provider.Machine() == nil {
		return Components{}
	}

	out := Components{Kubelet: imageVersion(provider.Machine().Kubelet().Image())}

	if cluster := provider.Cluster(); cluster != nil && provider.Machine().Type().IsControlPlane() {
		out[APIServer] = imageVersion(cluster.APIServer().Image())
		out[ControllerManager] = imageVersion(cluster.ControllerManager().Image())
		out[Scheduler] = imageVersion(cluster.Scheduler().Image())

		if cluster.Proxy().Enabled() {
			out[Proxy] = imageVersion(cluster.Proxy().Image())
		}
	}

	return out
}

// imageVersion is the version in an image's tag, without the endings by which the kubelet's images differ:
// ghcr.io/siderolabs/kubelet:v1.34.4-slim@sha256:... -> v1.34.4.
func imageVersion(image string) string {
	image, _, _ = strings.Cut(image, "@")

	i := strings.LastIndex(image, ":")
	if i < strings.LastIndex(image, "/") || i < 0 {
		return ""
	}

	version := image[i+1:]
	for _, ending := range []string{"-slim", "-fat"} {
		version = strings.TrimSuffix(version, ending)
	}

	return field(version)
}

// components sets the images of those components whose version differs from the cluster's, while it is upgraded.
func (c Cluster) components(n Node, document *v1alpha1.Config) {
	if version := c.Components[Kubelet]; version != "" {
		document.MachineConfig.MachineKubelet.KubeletImage = Kubelet.Image(version)
	}

	if n.Role != ControlPlane {
		return
	}

	if version := c.Components[APIServer]; version != "" {
		document.ClusterConfig.APIServerConfig = &v1alpha1.APIServerConfig{ContainerImage: APIServer.Image(version)}
	}

	if version := c.Components[ControllerManager]; version != "" {
		document.ClusterConfig.ControllerManagerConfig = &v1alpha1.ControllerManagerConfig{ContainerImage: ControllerManager.Image(version)}
	}

	if version := c.Components[Scheduler]; version != "" {
		document.ClusterConfig.SchedulerConfig = &v1alpha1.SchedulerConfig{ContainerImage: Scheduler.Image(version)}
	}

	if version := c.Components[Proxy]; version != "" {
		if document.ClusterConfig.ProxyConfig == nil {
			document.ClusterConfig.ProxyConfig = &v1alpha1.ProxyConfig{}
		}

		document.ClusterConfig.ProxyConfig.ContainerImage = Proxy.Image(version)
	}
}
