// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ciliumLabels are the labels by which Cilium's selectors know a pod: its own, and those of its namespace as far as the rules name
// them. Nil for what is no pod.
func (p Peer) ciliumLabels() map[string]string {
	if p.Kind != Pod {
		return nil
	}

	labels := map[string]string{}
	maps.Copy(labels, p.Labels)
	labels[ciliumNamespace] = p.Namespace

	if p.IsSystem {
		labels[ciliumNamespaceLabels+LabelSystem] = isTrue
	}

	if p.Tenant != nil {
		for key, value := range p.Tenant.Labels() {
			labels[ciliumNamespaceLabels+key] = value
		}
	}

	return labels
}

// ciliumEntities are those that the peer belongs to. A node that the API server runs on is a node as well.
func (p Peer) ciliumEntities() []string {
	switch p.Kind {
	case Host:
		return []string{entityHost}
	case RemoteNode:
		return []string{entityRemoteNode}
	case APIServer:
		return []string{entityAPIServer, entityRemoteNode}
	case Address:
		return []string{entityWorld}
	case Pod:
	}

	return nil
}

// holds says whether a flow's other end is among the peers, and its port among theirs.
func (c ciliumPeers) holds(flow Flow, peer Peer) bool {
	isOpen := len(c.Ports) == 0 || slices.ContainsFunc(c.Ports, func(of ciliumPorts) bool {
		return slices.Contains(of.Ports, ciliumPort{Port: strconv.Itoa(int(flow.Port)), Protocol: string(flow.Protocol)})
	})
	if !isOpen {
		return false
	}

	if peer.Kind == Pod {
		labels := peer.ciliumLabels()

		return slices.ContainsFunc(append(slices.Clone(c.FromPods), c.ToPods...), func(s metav1.LabelSelector) bool {
			return selects(s, labels)
		})
	}

	entities := append(slices.Clone(c.FromEntities), c.ToEntities...)

	return slices.ContainsFunc(peer.ciliumEntities(), func(one string) bool { return slices.Contains(entities, one) }) ||
		peer.Kind == Address && slices.ContainsFunc(c.ToRanges, func(r ciliumRange) bool { return r.holds(peer.Address) })
}

func (r ciliumRange) holds(addr netip.Addr) bool {
	isIn := func(text string) bool {
		prefix, err := netip.ParsePrefix(text)

		return err == nil && prefix.Contains(addr)
	}

	return isIn(r.CIDR) && !slices.ContainsFunc(r.Except, isIn)
}

// selects says whether a selector takes a pod with these labels. Its keys may hold a colon, which apimachinery's own selectors
// refuse; it knows the operators that the rules use.
func selects(s metav1.LabelSelector, labels map[string]string) bool {
	for key, value := range s.MatchLabels {
		if has, isThere := labels[key]; !isThere || has != value {
			return false
		}
	}

	for _, one := range s.MatchExpressions {
		value, isThere := labels[one.Key]
		isListed := isThere && slices.Contains(one.Values, value)

		isMatch := false

		switch one.Operator {
		case metav1.LabelSelectorOpIn:
			isMatch = isListed
		case metav1.LabelSelectorOpNotIn:
			isMatch = !isListed
		case metav1.LabelSelectorOpExists:
			isMatch = isThere
		case metav1.LabelSelectorOpDoesNotExist:
			isMatch = !isThere
		}

		if !isMatch {
			return false
		}
	}

	return true
}
