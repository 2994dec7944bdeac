// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Unpulled is a pod that waits for an image which its node can't get.
type Unpulled struct {
	Pod   string // namespace/name
	Node  string
	Image string
}

// Unpulled lists pods that wait for images, one entry a pod, by name. The reasons are those of kubelet's image manager. A pod
// whose image can't be pulled has not started, so that only pending ones are asked for.
func (c *Client) Unpulled(ctx context.Context) ([]Unpulled, error) {
	pods, err := c.Typed.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "status.phase=" + string(corev1.PodPending)})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var out []Unpulled
	for _, pod := range pods.Items {
		if image := unpulled(pod); image != "" {
			out = append(out, Unpulled{Pod: pod.Namespace + "/" + pod.Name, Node: pod.Spec.NodeName, Image: image})
		}
	}
	slices.SortFunc(out, func(a, b Unpulled) int { return strings.Compare(a.Pod, b.Pod) })
	return out, nil
}

func unpulled(pod corev1.Pod) string {
	for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		waiting := container.State.Waiting
		if waiting != nil && slices.Contains([]string{"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"}, waiting.Reason) {
			return container.Image
		}
	}
	return ""
}
