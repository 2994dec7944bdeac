// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
)

// StaticPod is a component of a control plane as its kubelet runs it. It is the node's own word: no Kubernetes API is
// asked.
type StaticPod struct {
	Component Component
	Version   string // v1.34.4; empty while no container runs
	Ready     bool
}

// StaticPods lists the components that the node's kubelet runs. It is empty while the kubelet does not answer, and
// [ErrWithheld] where the node does not tell.
func (c *Client) StaticPods(ctx context.Context) ([]StaticPod, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	list, err := safe.StateListAll[*k8s.StaticPodStatus](ctx, c.api.COSI)
	if err != nil {
		return nil, c.withhold(ctx, "list the static pods", err)
	}

	var out []StaticPod

	for pod := range list.All() {
		// The ID is namespace/name, and the name is the component's with the node's.
		_, name, _ := strings.Cut(pod.Metadata().ID(), "/")
		for _, component := range []Component{APIServer, ControllerManager, Scheduler} {
			if strings.HasPrefix(name, string(component)+"-") {
				version, ready := podState(pod.TypedSpec().PodStatus)
				out = append(out, StaticPod{Component: component, Version: version, Ready: ready})
			}
		}
	}

	return out, nil
}

// podState reads a status of Kubernetes's pods: what its first container runs, and whether it is Ready.
func podState(status map[string]any) (version string, ready bool) {
	containers, _ := status["containerStatuses"].([]any)
	if len(containers) > 0 {
		if container, ok := containers[0].(map[string]any); ok {
			image, _ := container["image"].(string)
			version = imageVersion(image)
		}
	}

	conditions, _ := status["conditions"].([]any)
	for _, entry := range conditions {
		if condition, ok := entry.(map[string]any); ok && condition["type"] == "Ready" {
			ready = condition["status"] == "True"
		}
	}

	return version, ready
}
