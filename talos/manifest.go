// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
)

// Manifests are the objects with which Talos furnishes a new cluster, in the order in which it applies them: CoreDNS,
// kube-proxy and a few roles. Talos itself only makes those that are missing; after an upgrade of Kubernetes it is for
// the caller to apply them.
func (c *Client) Manifests(ctx context.Context) ([]map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	list, err := safe.StateListAll[*k8s.Manifest](ctx, c.api.COSI) // sorted by ID: 00-..., 01-...
	if err != nil {
		return nil, c.fail(ctx, "list the bootstrap manifests", err, nil)
	}

	var out []map[string]any

	for manifest := range list.All() {
		for _, item := range manifest.TypedSpec().Items {
			if len(item.Object) > 0 {
				out = append(out, item.Object)
			}
		}
	}

	return out, nil
}

// PullImage has the node fetch the image of a component's version, so that its change takes no longer than its start.
func (c *Client) PullImage(ctx context.Context, component Component, version string) error {
	ctx, cancel := context.WithTimeout(ctx, upgradeTimeout)
	defer cancel()

	namespace := common.ContainerdNamespace_NS_CRI
	if component == Kubelet {
		namespace = common.ContainerdNamespace_NS_SYSTEM // Talos itself runs it
	}

	image := component.Image(version)
	if err := c.api.ImagePull(ctx, namespace, image); err != nil { //nolint:staticcheck // the call of all supported versions
		return c.fail(ctx, "pull "+image, err, nil)
	}

	return nil
}
