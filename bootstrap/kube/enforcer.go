// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Enforcement is which network policies a cluster enforces, as far as can be seen.
type Enforcement struct {
	// Cilium: it has Cilium's kinds, the cluster-wide one included, and its agent runs.
	Cilium bool
	// Kubernetes names what is known to enforce NetworkPolicy. Empty: nothing that is known.
	Kubernetes string
	// Idle are those that left traces and enforce nothing, as none of their agents is ready, each a sentence. Nil where Cilium or
	// Kubernetes says who does.
	Idle []string
}

// enforcer is a program that enforces network policies on each node.
type enforcer struct {
	name string
	crds []string // that it brings, all of them; they stay when it goes
	pods []string // labels of its agents' pods, one of which they have: key=value, in any namespace
}

const cilium = "Cilium"

// enforcers are those whose kinds tell, the first that runs counts. GKE's anetd has the label of Cilium's agent, and what the
// operator of Calico makes in calico-system that of calico-node; canal is Calico's policies on the network of flannel.
func enforcers() []enforcer {
	return []enforcer{
		{cilium, []string{"ciliumnetworkpolicies.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io"}, []string{"k8s-app=cilium"}},
		{"Calico", []string{"felixconfigurations.crd.projectcalico.org"}, []string{"k8s-app=calico-node", "k8s-app=canal"}},
		{"Antrea", []string{"antreaagentinfos.crd.antrea.io"}, []string{"component=antrea-agent"}},
		{"OVN-Kubernetes", []string{"egressips.k8s.ovn.org"}, []string{"app=ovnkube-node"}},
	}
}

// firstKindnet is the date in the first version of kindnet that enforces NetworkPolicy: kind v0.24.
const firstKindnet = "20240813"

// Enforcement looks for what enforces network policies. The API server takes NetworkPolicy in any cluster, so only the program
// behind it tells: those that are known by their CRDs and have a ready agent, and kindnet. Others, and those that can be set not to,
// are not seen; neither is a node without an agent where other nodes have one.
func (c *Client) Enforcement(ctx context.Context) (Enforcement, error) {
	var out Enforcement
	sets, err := c.daemonSets(ctx)
	if err != nil {
		return out, err
	}
	for _, known := range enforcers() {
		if has, err := c.areEstablished(ctx, known.crds); err != nil || !has {
			if err != nil {
				return Enforcement{}, err
			}
			continue
		}
		switch {
		case !slices.ContainsFunc(sets, known.runs):
			out.Idle = append(out.Idle, fmt.Sprintf("it has the kinds of %s, and none of its agents is ready: no DaemonSet has a ready pod with "+
				"the label %s", known.name, strings.Join(known.pods, " or ")))
		case known.name == cilium:
			return Enforcement{Cilium: true}, nil
		default:
			return Enforcement{Kubernetes: known.name}, nil
		}
	}
	if i := slices.IndexFunc(sets, isKindnet); i >= 0 {
		if sets[i].Status.NumberReady > 0 {
			return Enforcement{Kubernetes: kindnet}, nil
		}
		out.Idle = append(out.Idle, "no pod of DaemonSet "+systemNamespace+"/"+kindnet+" is ready")
	}
	return out, nil
}

func (c *Client) areEstablished(ctx context.Context, crds []string) (bool, error) {
	for _, crd := range crds {
		err := c.AssertEstablished(ctx, crd)
		if notYet := (*NotYetError)(nil); errors.As(err, &notYet) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// daemonSets are those of all namespaces.
func (c *Client) daemonSets(ctx context.Context) ([]appsv1.DaemonSet, error) {
	var out []appsv1.DaemonSet
	options := metav1.ListOptions{Limit: pageSize}
	for {
		list, err := c.Typed.AppsV1().DaemonSets(metav1.NamespaceAll).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("list DaemonSets: %w", err)
		}
		out = append(out, list.Items...)
		if options.Continue = list.Continue; options.Continue == "" {
			return out, nil
		}
	}
}

// runs reports whether a DaemonSet is of its agents, one of which is ready.
func (e enforcer) runs(set appsv1.DaemonSet) bool {
	of := labels.Set(set.Spec.Template.Labels)
	return set.Status.NumberReady > 0 && slices.ContainsFunc(e.pods, func(label string) bool {
		key, value, _ := strings.Cut(label, "=")
		return of.Get(key) == value
	})
}

// kindnet is kind's network.
const kindnet = "kindnet"

// isKindnet reports whether a DaemonSet is kind's network, recent enough.
func isKindnet(set appsv1.DaemonSet) bool {
	if set.Namespace != systemNamespace || set.Name != kindnet {
		return false
	}
	dated := regexp.MustCompile(`kindnetd:v(\d{8})`) // kindest/kindnetd:v20250512-df8de77b
	return slices.ContainsFunc(set.Spec.Template.Spec.Containers, func(one corev1.Container) bool {
		match := dated.FindStringSubmatch(one.Image)
		return match != nil && match[1] >= firstKindnet
	})
}
