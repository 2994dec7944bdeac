// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cilium/cilium/pkg/identity"
	k8sutils "github.com/cilium/cilium/pkg/k8s/utils"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
)

// firstPod is the first number of an identity of pods: those below 256 are Cilium's own.
const firstPod = 1000

// identities says what Cilium takes each peer for. Ranges are those that policies name.
func (q question) identities(ranges []netip.Prefix) ([]*identity.Identity, error) {
	found := make([]*identity.Identity, 0, len(q.Peers))
	for i, peer := range q.Peers {
		lbls, err := q.labels(peer, ranges)
		if err != nil {
			return nil, fmt.Errorf("peers[%d]: %w", i, err)
		}
		known := identity.LookupReservedIdentityByLabels(lbls)
		switch {
		case peer.Namespace != "":
			known = identity.NewIdentity(identity.NumericIdentity(firstPod+i), lbls)
		case known == nil && peer.Address == "":
			return nil, fmt.Errorf("peers[%d]: Cilium reserves no identity for %v", i, peer.Reserved)
		case known == nil:
			known = identity.NewIdentity(identity.IdentityScopeLocal|identity.NumericIdentity(firstPod+i), lbls)
		}
		// One of its own: not that of the table of reserved ones, whose array of labels may be missing.
		found = append(found, identity.NewIdentity(known.ID, known.Labels))
	}
	return found, nil
}

func (q question) labels(p peer, ranges []netip.Prefix) (labels.Labels, error) {
	if p.Namespace != "" {
		own, isKnown := q.Namespaces[p.Namespace]
		if !isKnown {
			return nil, fmt.Errorf("the namespace %s is not among namespaces", p.Namespace)
		}
		namespace := &metav1.ObjectMeta{Name: p.Namespace, Labels: own}
		sane := k8sutils.SanitizePodLabels(k8sutils.StripPodSpecialLabels(p.Labels), namespace, "default", clusterName)
		lbls, _ := labelsfilter.Filter(labels.Map2Labels(sane, labels.LabelSourceK8s))
		return lbls, nil
	}
	lbls := labels.Labels{}
	if p.Address != "" {
		addr, err := netip.ParseAddr(p.Address)
		if err != nil {
			return nil, err
		}
		if len(p.Reserved) > 0 {
			ranges = append(slices.Clone(ranges), netip.PrefixFrom(addr, addr.BitLen()))
		}
		lbls = labels.GetCIDRLabels(longest(addr, ranges))
	}
	for _, name := range p.Reserved {
		lbls[name] = labels.NewLabel(name, "", labels.LabelSourceReserved)
	}
	return lbls, nil
}

// longest is the longest of the ranges that holds an address; the whole family if there is none.
func longest(addr netip.Addr, ranges []netip.Prefix) netip.Prefix {
	best, _ := addr.Prefix(0)
	for _, candidate := range ranges {
		if candidate.Contains(addr) && candidate.Bits() > best.Bits() {
			best = candidate
		}
	}
	return best
}
