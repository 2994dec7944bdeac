// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// pageSize is how many objects are asked for at once: what kubectl asks for.
const pageSize = 500

// Objects reads every object of a kind. An empty namespace means all of them, and what is in none. Where the kind's whole API group
// is not served there are none; a group that is served without the kind is an error, for objects of another version may be there.
func (c *Client) Objects(ctx context.Context, apiVersion, kind, namespace string) ([]map[string]any, error) {
	resource, served, err := c.resourceOf(apiVersion, kind)
	if err != nil || !served {
		return nil, err
	}
	var out []map[string]any
	options := metav1.ListOptions{Limit: pageSize}
	for {
		list, err := c.Dynamic.Resource(resource).Namespace(namespace).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resource.GroupResource(), err)
		}
		for i := range list.Items {
			out = append(out, list.Items[i].Object)
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return out, nil
		}
	}
}

// resourceOf finds the plural under which a kind is served.
func (c *Client) resourceOf(apiVersion, kind string) (out schema.GroupVersionResource, served bool, err error) {
	version, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return out, false, err
	}
	list, err := c.Typed.Discovery().ServerResourcesForGroupVersion(apiVersion)
	if apierrors.IsNotFound(err) {
		groups, err := c.Typed.Discovery().ServerGroups()
		if err != nil {
			return out, false, fmt.Errorf("list the API's groups: %w", err)
		}
		for _, group := range groups.Groups {
			if group.Name == version.Group {
				return out, false, &UnservedError{APIVersion: apiVersion, Kind: kind}
			}
		}
		return out, false, nil
	}
	if err != nil {
		return out, false, fmt.Errorf("list the resources of %s: %w", apiVersion, err)
	}
	for _, resource := range list.APIResources {
		// Subresources, such as pods/eviction, have kinds too.
		if resource.Kind == kind && !strings.Contains(resource.Name, "/") {
			return version.WithResource(resource.Name), true, nil
		}
	}
	return out, false, &UnservedError{APIVersion: apiVersion, Kind: kind}
}

// UnservedError says that an API does not serve a kind, although it has the group.
type UnservedError struct{ APIVersion, Kind string }

func (e *UnservedError) Error() string {
	return fmt.Sprintf("the API does not serve %s of %s", e.Kind, e.APIVersion)
}

// LabelNode sets labels of a node. A node that is not there is no error.
func (c *Client) LabelNode(ctx context.Context, name string, labels map[string]string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
	if err != nil {
		return err
	}
	_, err = c.Typed.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("label node %s: %w", name, err)
	}
	return nil
}
