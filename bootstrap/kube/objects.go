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

// Objects reads every object of a kind. An empty namespace means all of them, and what is in none. A kind that is not served is an
// *UnservedError, never an empty answer: an API server that has just started serves custom resources only after a while.
func (c *Client) Objects(ctx context.Context, apiVersion, kind, namespace string) ([]map[string]any, error) {
	resource, err := c.resourceOf(ctx, apiVersion, kind)
	if err != nil {
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
func (c *Client) resourceOf(ctx context.Context, apiVersion, kind string) (out schema.GroupVersionResource, err error) {
	version, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return out, err
	}
	list, err := c.Typed.Discovery().ServerResourcesForGroupVersion(apiVersion)
	if apierrors.IsNotFound(err) {
		return out, c.unserved(ctx, version, kind)
	}
	if err != nil {
		return out, fmt.Errorf("list the resources of %s: %w", apiVersion, err)
	}
	for _, resource := range list.APIResources {
		// Subresources, such as pods/eviction, have kinds too.
		if resource.Kind == kind && !strings.Contains(resource.Name, "/") {
			return version.WithResource(resource.Name), nil
		}
	}
	return out, &UnservedError{APIVersion: apiVersion, Kind: kind}
}

// unserved is the error for a kind whose version is not served.
func (c *Client) unserved(ctx context.Context, version schema.GroupVersion, kind string) error {
	groups, err := c.Typed.Discovery().ServerGroups()
	if err != nil {
		return fmt.Errorf("list the API's groups: %w", err)
	}
	out := &UnservedError{APIVersion: version.String(), Kind: kind}
	for _, group := range groups.Groups {
		if group.Name == version.Group {
			return out
		}
	}
	// What discovery lacks may be late. What is stored is not.
	crds, err := c.Dynamic.Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
	}).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list CRDs: %w", err)
	}
	out.Undefined = true
	for _, crd := range crds.Items {
		if strings.HasSuffix(crd.GetName(), "."+version.Group) { // always plural.group
			out.Undefined = false
		}
	}
	return out
}

// UnservedError says that an API does not serve a kind.
type UnservedError struct {
	APIVersion, Kind string
	// Undefined says that no CRD is of its group either: there are no such objects.
	Undefined bool
}

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
