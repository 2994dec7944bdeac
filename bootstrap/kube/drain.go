// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/kubectl/pkg/drain"
)

// Cordon keeps new pods from a node. A node that is not there is no error.
func (c *Client) Cordon(ctx context.Context, name string) error {
	node, err := c.Typed.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get node %s: %w", name, err)
	}
	if err := drain.RunCordonOrUncordon(c.drainer(ctx, 0, nil), node, true); err != nil {
		return fmt.Errorf("cordon node %s: %w", name, err)
	}
	return nil
}

// Drain keeps new pods from a node and evicts those that are there, as kubectl drain does: within their disruption budgets, but
// for pods of DaemonSets and static ones. Pods that no controller makes again and what is in empty directories are lost. A node
// that is not there is no error. Each pod that went is told.
func (c *Client) Drain(ctx context.Context, name string, timeout time.Duration, told func(line string)) error {
	if err := c.Cordon(ctx, name); err != nil {
		return err
	}
	helper := c.drainer(ctx, timeout, told)
	pods, errs := helper.GetPodsForDeletion(name)
	if len(errs) > 0 {
		return fmt.Errorf("list the pods of node %s: %w", name, errs[0])
	}
	if err := helper.DeleteOrEvictPods(pods.Pods()); err != nil {
		return fmt.Errorf("drain node %s: %w", name, err)
	}
	return nil
}

func (c *Client) drainer(ctx context.Context, timeout time.Duration, told func(string)) *drain.Helper {
	return &drain.Helper{
		Ctx: ctx, Client: c.Typed, Force: true, GracePeriodSeconds: -1, IgnoreAllDaemonSets: true, DeleteEmptyDirData: true,
		Timeout: timeout, Out: io.Discard, ErrOut: io.Discard,
		OnPodDeletionOrEvictionFinished: func(pod *corev1.Pod, _ bool, err error) {
			if told != nil && err == nil {
				told(fmt.Sprintf("pod %s/%s is gone", pod.Namespace, pod.Name))
			}
		},
	}
}

// IsBroken says that a connection to the API broke, or that nobody answered: the virtual address may be on its way to another node.
func IsBroken(err error) bool {
	return utilnet.IsConnectionReset(err) || utilnet.IsConnectionRefused(err) || utilnet.IsTimeout(err)
}

// DeleteNode removes a node. One that is not there is no error.
func (c *Client) DeleteNode(ctx context.Context, name string) error {
	err := c.Typed.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete node %s: %w", name, err)
	}
	return nil
}
