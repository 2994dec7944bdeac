// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
)

// storedName is where Helm keeps a release, and under which name.
type storedName struct{ namespace, name string }

// storedRelease is what the labels of Helm's Secrets tell of a release: the Secrets themselves hold its values.
type storedRelease struct {
	storedName
	marked       bool // installed from here
	ourNamespace bool // in a namespace that we made
}

// storedReleases are all releases that Helm keeps in the cluster, whoever installed them.
func (c *Cluster) storedReleases(ctx context.Context) ([]storedRelease, error) {
	secrets, err := listMetadata(ctx, c.names, corev1.SchemeGroupVersion.WithResource("secrets"), "", "owner=helm")
	if err != nil {
		return nil, fmt.Errorf("list helm's secrets: %w", err)
	}
	ours, err := c.ourNamespaces(ctx)
	if err != nil {
		return nil, err
	}
	var out []storedRelease
	at := map[storedName]int{}
	for _, secret := range secrets {
		name := storedName{secret.Namespace, secret.Labels["name"]}
		i, known := at[name]
		if !known {
			i = len(out)
			at[name] = i
			out = append(out, storedRelease{storedName: name, ourNamespace: ours[name.namespace]})
		}
		out[i].marked = out[i].marked || secret.Labels[digestLabel] != ""
	}
	return out, nil
}

// ourNamespaces are those that we made, and that are not going away.
func (c *Cluster) ourNamespaces(ctx context.Context) (map[string]bool, error) {
	namespaces, err := listMetadata(ctx, c.names, corev1.SchemeGroupVersion.WithResource("namespaces"), "", "")
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	out := map[string]bool{}
	for _, namespace := range namespaces {
		if namespace.Annotations[createdBy] == fieldManager && namespace.DeletionTimestamp == nil {
			out[namespace.Name] = true
		}
	}
	return out, nil
}

// pageSize bounds one answer of the API server.
const pageSize = 500

// listMetadata lists objects without what is in them, page by page. An empty namespace stands for all.
func listMetadata(
	ctx context.Context, client metadata.Interface, resource schema.GroupVersionResource, namespace, selector string,
) ([]metav1.PartialObjectMetadata, error) {
	var out []metav1.PartialObjectMetadata
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		list, err := client.Resource(resource).Namespace(namespace).List(ctx, options)
		if err != nil {
			return nil, err
		}
		out = append(out, list.Items...)
		if options.Continue = list.Continue; options.Continue == "" {
			return out, nil
		}
	}
}
