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

// NotYetError lists what does not hold yet, and why, one line for each thing.
type NotYetError struct {
	What    string // "registered", "ready"
	Reasons []string
	Nodes   []string // the nodes that it is about
}

func (e *NotYetError) Error() string { return "not " + e.What + ": " + strings.Join(e.Reasons, "; ") }

// AssertRegistered checks that every named node is known to the cluster. Nodes are matched by name.
func (c *Client) AssertRegistered(ctx context.Context, names []string) error {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return err
	}
	var missing []string
	for _, name := range names {
		if _, ok := nodes[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return &NotYetError{What: "registered", Reasons: missing, Nodes: missing}
	}
	return nil
}

// AssertReady checks that every named node is Ready, and gives the node's own reason where it is not.
func (c *Client) AssertReady(ctx context.Context, names []string) error {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return err
	}
	var reasons, late []string
	for _, name := range names {
		reason := " is not registered"
		if node, ok := nodes[name]; ok {
			if reason = notReady(node); reason == "" {
				continue
			}
			reason = ": " + reason
		}
		reasons, late = append(reasons, name+reason), append(late, name)
	}
	if len(reasons) > 0 {
		return &NotYetError{What: "ready", Reasons: reasons, Nodes: late}
	}
	return nil
}

// notReady gives the reason why a node is not Ready; empty if it is.
func notReady(node corev1.Node) string {
	i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	if i < 0 {
		return "its kubelet has not reported yet"
	}
	condition := node.Status.Conditions[i]
	if condition.Status == corev1.ConditionTrue {
		return ""
	}
	return fmt.Sprintf("%s: %s", condition.Reason, condition.Message)
}

// NodeState is a node as the cluster sees it.
type NodeState struct {
	Name    string `json:"name"`
	Ready   bool   `json:"ready"`
	Reason  string `json:"reason,omitempty"`
	Address string `json:"address,omitempty"`
	Version string `json:"version,omitempty"`
	// Cordoned: no new pods are put there.
	Cordoned bool `json:"cordoned,omitempty"`
}

// NodeStates lists the cluster's nodes by name.
func (c *Client) NodeStates(ctx context.Context) ([]NodeState, error) {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]NodeState, 0, len(nodes))
	for name, node := range nodes {
		reason := notReady(node)
		s := NodeState{Name: name, Ready: reason == "", Reason: reason, Version: node.Status.NodeInfo.KubeletVersion, Cordoned: node.Spec.Unschedulable}
		for _, a := range node.Status.Addresses {
			if a.Type == corev1.NodeInternalIP {
				s.Address = a.Address
			}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b NodeState) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (c *Client) nodes(ctx context.Context) (map[string]corev1.Node, error) {
	list, err := c.Typed.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	out := make(map[string]corev1.Node, len(list.Items))
	for _, node := range list.Items {
		out[node.Name] = node
	}
	return out, nil
}
