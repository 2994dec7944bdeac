// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"sigs.k8s.io/yaml"
)

// page is how many objects one answer of the API server may hold.
const page = 250

// Dump gives the objects of a resource as YAML documents, page by page, until they are more than limit bytes: then cut is
// true. An empty namespace means all of them. What only says who wrote which field is left out, and what change takes
// out; a nil change takes nothing.
func (c *Client) Dump(
	ctx context.Context, gvr schema.GroupVersionResource, namespace string, limit int, change func(*unstructured.Unstructured),
) (data []byte, cut bool, err error) {
	var out bytes.Buffer
	options := metav1.ListOptions{Limit: page}
	for {
		list, err := c.Dynamic.Resource(gvr).Namespace(namespace).List(ctx, options)
		if err != nil {
			return nil, false, fmt.Errorf("list %s: %w", gvr.Resource, err)
		}
		for i := range list.Items {
			object := &list.Items[i]
			unstructured.RemoveNestedField(object.Object, "metadata", "managedFields")
			unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
			if change != nil {
				change(object)
			}
			text, err := yaml.Marshal(object.Object)
			if err != nil {
				return nil, false, fmt.Errorf("encode %s %s: %w", object.GetKind(), object.GetName(), err)
			}
			if out.Len()+len(text) > limit {
				return out.Bytes(), true, nil
			}
			out.WriteString("---\n")
			out.Write(text)
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return out.Bytes(), false, nil
		}
	}
}

// HelmRelease is one revision of a release, as Helm keeps it in a Secret.
type HelmRelease struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Revision  string `json:"revision"`
	// Status is deployed, superseded, failed, pending-install ...
	Status   string `json:"status"`
	Modified string `json:"modified,omitempty"` // seconds since 1970
}

// HelmReleases lists all revisions of all releases by their labels: the values in them, which may be secret, are not asked
// for.
func (c *Client) HelmReleases(ctx context.Context) ([]HelmRelease, error) {
	client, err := metadata.NewForConfig(c.Config)
	if err != nil {
		return nil, fmt.Errorf("list Helm releases: %w", err)
	}
	secrets := schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	out := []HelmRelease{}
	options := metav1.ListOptions{LabelSelector: "owner=helm", Limit: page}
	for {
		list, err := client.Resource(secrets).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("list Helm releases: %w", err)
		}
		for _, secret := range list.Items {
			labels := secret.Labels
			out = append(out, HelmRelease{
				Namespace: secret.Namespace, Name: labels["name"], Revision: labels["version"],
				Status: labels["status"], Modified: labels["modifiedAt"],
			})
		}
		if options.Continue = list.Continue; options.Continue == "" {
			return out, nil
		}
	}
}
