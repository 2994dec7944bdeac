// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"
)

// talosManager owns the fields of what Talos furnishes a cluster with, as it does when talosctl applies them.
const talosManager = "talos"

// ApplyManifests server-side applies objects in their order, in the name of Talos, whose they are: it takes their fields
// from whoever has them.
func (c *Client) ApplyManifests(ctx context.Context, objects []map[string]any) error {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.Typed.Discovery()))
	for _, content := range objects {
		object := &unstructured.Unstructured{Object: content}
		kind := object.GroupVersionKind()
		what := fmt.Sprintf("apply %s %s/%s", kind.Kind, object.GetNamespace(), object.GetName())
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		_, err = c.Dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace()).Apply(ctx, object.GetName(), object,
			metav1.ApplyOptions{FieldManager: talosManager, Force: true})
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// AssertKubelet checks that a node is Ready and its kubelet is of a version: v1.34.4.
func (c *Client) AssertKubelet(ctx context.Context, name, version string) error {
	node, err := c.Typed.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get node %s: %w", name, err)
	}
	if reason := notReady(*node); reason != "" {
		return fmt.Errorf("node %s is not ready: %s", name, reason)
	}
	if have := node.Status.NodeInfo.KubeletVersion; have != version {
		return fmt.Errorf("the kubelet of %s is %s, not %s yet", name, have, version)
	}
	return nil
}
