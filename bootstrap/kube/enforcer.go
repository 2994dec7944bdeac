// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Enforcement is which network policies a cluster enforces, as far as can be seen.
type Enforcement struct {
	// Cilium: it has Cilium's kinds, the cluster-wide one included.
	Cilium bool
	// Kubernetes names what is known to enforce NetworkPolicy. Empty: nothing that is known.
	Kubernetes string
}

// firstKindnet is the date in the first version of kindnet that enforces NetworkPolicy: kind v0.24.
const firstKindnet = "20240813"

// Enforcement looks for what enforces network policies. The API server takes NetworkPolicy in any cluster, so only the program
// behind it tells: those that are known by their CRDs, and kindnet. Others, and those that can be set not to, are not seen.
func (c *Client) Enforcement(ctx context.Context) (Enforcement, error) {
	var out Enforcement
	hasOwn, err := c.isEstablished(ctx, "ciliumnetworkpolicies.cilium.io")
	if err != nil {
		return out, err
	}
	hasClusterwide, err := c.isEstablished(ctx, "ciliumclusterwidenetworkpolicies.cilium.io")
	if out.Cilium = hasOwn && hasClusterwide; err != nil || out.Cilium {
		return out, err
	}
	for _, known := range []struct{ crd, name string }{
		{"felixconfigurations.crd.projectcalico.org", "Calico"},
		{"antreaagentinfos.crd.antrea.io", "Antrea"},
		{"egressips.k8s.ovn.org", "OVN-Kubernetes"},
	} {
		if is, err := c.isEstablished(ctx, known.crd); err != nil || is {
			out.Kubernetes = known.name
			return out, err
		}
	}
	out.Kubernetes, err = c.kindnet(ctx)
	return out, err
}

func (c *Client) isEstablished(ctx context.Context, crd string) (bool, error) {
	err := c.AssertEstablished(ctx, crd)
	if notYet := (*NotYetError)(nil); errors.As(err, &notYet) {
		return false, nil
	}
	return err == nil, err
}

// kindnet is the name of kind's network, where it is recent enough.
func (c *Client) kindnet(ctx context.Context) (string, error) {
	set, err := c.Typed.AppsV1().DaemonSets(systemNamespace).Get(ctx, "kindnet", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get DaemonSet %s/kindnet: %w", systemNamespace, err)
	}
	dated := regexp.MustCompile(`kindnetd:v(\d{8})`) // kindest/kindnetd:v20250512-df8de77b
	for _, container := range set.Spec.Template.Spec.Containers {
		if match := dated.FindStringSubmatch(container.Image); match != nil && match[1] >= firstKindnet {
			return "kindnet", nil
		}
	}
	return "", nil
}
