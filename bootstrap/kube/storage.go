// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// StorageClasses are the names of the cluster's storage classes, sorted.
func (c *Client) StorageClasses(ctx context.Context) ([]string, error) {
	list, err := c.Typed.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list storage classes: %w", err)
	}
	names := make([]string, len(list.Items))
	for i, class := range list.Items {
		names[i] = class.Name
	}
	slices.Sort(names)
	return names, nil
}
