// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels by which Kubernetes's own add-ons are found, whoever installed them.
const (
	systemNamespace = "kube-system"
	proxyLabel      = "k8s-app=kube-proxy"
	dnsLabel        = "k8s-app=kube-dns"
)

// Health is what the cluster tells of its nodes, and of the add-ons that others lean on.
type Health struct {
	Nodes map[string]NodeState
	// Proxies says by node why its kube-proxy is not ready, empty if it is. A nil map: the cluster has no kube-proxy, as
	// with a CNI that replaces it.
	Proxies map[string]string
	// DNS is nil where the cluster has no DNS of its own.
	DNS *Replicas
}

// Replicas are the pods of a deployment.
type Replicas struct{ Wanted, Ready int }

// Health looks at the cluster once.
func (c *Client) Health(ctx context.Context) (Health, error) {
	states, err := c.NodeStates(ctx)
	if err != nil {
		return Health{}, err
	}
	out := Health{Nodes: make(map[string]NodeState, len(states))}
	for _, state := range states {
		out.Nodes[state.Name] = state
	}
	if out.Proxies, err = c.proxies(ctx, states); err != nil {
		return Health{}, err
	}
	out.DNS, err = c.dns(ctx)
	return out, err
}

func (c *Client) proxies(ctx context.Context, nodes []NodeState) (map[string]string, error) {
	sets, err := c.Typed.AppsV1().DaemonSets(systemNamespace).List(ctx, metav1.ListOptions{LabelSelector: proxyLabel})
	if err != nil {
		return nil, fmt.Errorf("list daemon sets: %w", err)
	}
	if len(sets.Items) == 0 {
		return nil, nil
	}
	pods, err := c.Typed.CoreV1().Pods(systemNamespace).List(ctx, metav1.ListOptions{LabelSelector: proxyLabel})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	out := make(map[string]string, len(nodes))
	for _, node := range nodes {
		out[node.Name] = "no pod of kube-proxy is there"
	}
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil && out[pod.Spec.NodeName] != "" {
			out[pod.Spec.NodeName] = notReadyPod(pod)
		}
	}
	return out, nil
}

// notReadyPod gives the reason why a pod is not Ready; empty if it is.
func notReadyPod(pod corev1.Pod) string {
	ready := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
	if ready {
		return ""
	}
	return fmt.Sprintf("pod %s is %s and not ready", pod.Name, pod.Status.Phase)
}

func (c *Client) dns(ctx context.Context) (*Replicas, error) {
	list, err := c.Typed.AppsV1().Deployments(systemNamespace).List(ctx, metav1.ListOptions{LabelSelector: dnsLabel})
	if err != nil {
		return nil, fmt.Errorf("list deployments: %w", err)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	out := &Replicas{}
	for _, one := range list.Items {
		out.Ready += int(one.Status.ReadyReplicas)
		if one.Spec.Replicas == nil {
			out.Wanted++ // the default, which the API server fills in
		} else {
			out.Wanted += int(*one.Spec.Replicas)
		}
	}
	return out, nil
}
