// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Enforcer is which policies a cluster enforces.
type Enforcer string

// The enforcers. The zero value is none of them and refused by Check.
const (
	EnforcesCilium     Enforcer = "cilium"     // CiliumNetworkPolicy, as the bundles install it
	EnforcesKubernetes Enforcer = "kubernetes" // NetworkPolicy: a hosted cluster with somebody else's network
	EnforcesNothing    Enforcer = "none"
)

// Site is what the policies need to know of the cluster and of what is around it. Addresses and ranges may be of both families.
type Site struct {
	Enforces Enforcer `json:"enforces"`
	// Nodes is where the addresses of nodes lie.
	Nodes []netip.Prefix `json:"nodes"`
	// Pods are the addresses of pods: Kube-OVN's, and what is carved per node where that is another range.
	Pods     []netip.Prefix `json:"pods"`
	Services []netip.Prefix `json:"services"`
	// Join is the network between nodes and Kube-OVN's pods. Empty: there is no Kube-OVN.
	Join []netip.Prefix `json:"join,omitempty"`
	// LoadBalancers are the pools of addresses of Services. Empty: none.
	LoadBalancers []netip.Prefix `json:"loadBalancers,omitempty"`
	// BMCs is where management controllers of nodes lie. Empty: none.
	BMCs []netip.Prefix `json:"bmcs,omitempty"`
	// Bastions is where cozy-install runs. Empty: outside of everything, or unknown.
	Bastions []netip.Prefix `json:"bastions,omitempty"`
	// Management is where more of both lie. It may overlap Nodes. Empty: nowhere else.
	Management []netip.Prefix `json:"management,omitempty"`
	// API are the addresses of the API server other than those of nodes: the virtual IP, or the endpoint of a hosted cluster.
	// Empty: it has no others. Where Cilium does not tell which node runs the API server, all of its addresses.
	API []netip.Addr `json:"api,omitempty"`
	// APIPort is where the API server listens behind the Service kubernetes: 1 to 65535.
	APIPort uint16 `json:"apiPort"`
	// ClusterDomain is the domain of Services, such as cluster.local.
	ClusterDomain string `json:"clusterDomain"`
}

// ReadSite reads a site from JSON. Unknown keys, and all that Check refuses, are errors.
func ReadSite(text []byte) (Site, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()

	var site Site
	if err := decoder.Decode(&site); err != nil {
		return Site{}, fmt.Errorf("decode the site: %w", err)
	}

	if err := site.Check(); err != nil {
		return Site{}, err
	}

	return site, nil
}

// area is one field of a site.
type area struct {
	field      string // empty: not of the site
	what       string // in a sentence: "is an address of ..."
	ranges     []netip.Prefix
	isRequired bool
	// isClosed: pods of tenants never get there by these addresses, as there is no pod behind them.
	isClosed bool
}

func (s Site) areas() []area {
	api := make([]netip.Prefix, 0, len(s.API))
	for _, addr := range s.API {
		api = append(api, netip.PrefixFrom(addr, addr.BitLen()))
	}

	return []area{
		{"", "the link between a node and what is next to it, such as a cloud's metadata", linkLocal(), false, true},
		{"api", "the API server", api, false, true},
		{"nodes", "nodes", s.Nodes, true, true},
		{"bmcs", "management controllers", s.BMCs, false, true},
		{"bastions", "bastions", s.Bastions, false, true},
		{"management", "the management network", s.Management, false, true},
		{"pods", "pods", s.Pods, true, false},
		{"services", "Services", s.Services, true, false},
		{"join", "the network between nodes and pods", s.Join, false, false},
		{"loadBalancers", "load balancers", s.LoadBalancers, false, false},
	}
}

// linkLocal is of no site and never the world (RFC 3927, RFC 4291). On 169.254.169.254 clouds tell whoever asks the credentials
// of the node.
func linkLocal() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")}
}

// Check says everything that is wrong with a site, or nil.
func (s Site) Check() error {
	var problems []error

	for _, area := range s.areas() {
		if area.isRequired && len(area.ranges) == 0 {
			problems = append(problems, fmt.Errorf("%s: empty: the world would include them", area.field))
		}

		for i, prefix := range area.ranges {
			if rule := brokenRule(prefix); rule != "" {
				problems = append(problems, fmt.Errorf("%s[%d]: %q: %s", area.field, i, prefix, rule))
			}
		}
	}

	if s.Enforces == EnforcesKubernetes && len(s.API) == 0 {
		problems = append(problems, errors.New("api: empty: NetworkPolicy knows the API server by its addresses only"))
	}

	if s.APIPort == 0 {
		problems = append(problems, errors.New("apiPort: 0: not a port"))
	}

	if s.ClusterDomain == "" {
		problems = append(problems, errors.New("clusterDomain: empty"))
	}

	if !slices.Contains([]Enforcer{EnforcesCilium, EnforcesKubernetes, EnforcesNothing}, s.Enforces) {
		problems = append(problems, fmt.Errorf("enforces: %q: not one of cilium, kubernetes, none", s.Enforces))
	}

	return errors.Join(problems...)
}

func brokenRule(prefix netip.Prefix) string {
	switch {
	case !prefix.IsValid():
		return "not a range of addresses"
	case prefix.Bits() == 0:
		return "the whole world"
	case prefix.Addr().Is4In6():
		return "an IPv4 range in IPv6 form"
	case prefix != prefix.Masked():
		return "has bits behind its length; write " + prefix.Masked().String()
	}

	return ""
}

// excluded are the site's ranges of one family: what is not the world.
func (s Site) excluded(isFour bool) []netip.Prefix {
	var all []netip.Prefix
	for _, area := range s.areas() {
		all = append(all, area.ranges...)
	}

	return ofFamily(all, isFour)
}

// ofFamily are the ranges of one family, those that lie in others left out, in order.
func ofFamily(ranges []netip.Prefix, isFour bool) []netip.Prefix {
	// The wider come first, so that each meets what holds it.
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(a.Bits(), b.Bits()), a.Addr().Compare(b.Addr()))
	})

	var kept []netip.Prefix

	for _, prefix := range sorted {
		isHeld := slices.ContainsFunc(kept, func(wider netip.Prefix) bool { return wider.Contains(prefix.Addr()) })
		if prefix.Addr().Is4() == isFour && !isHeld {
			kept = append(kept, prefix)
		}
	}

	slices.SortFunc(kept, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })

	return kept
}

// areaOf is the area an address lies in, the closed ones first; false: it is of the world.
func (s Site) areaOf(addr netip.Addr) (area, bool) {
	for _, area := range s.areas() {
		if slices.ContainsFunc(area.ranges, func(prefix netip.Prefix) bool { return prefix.Contains(addr) }) {
			return area, true
		}
	}

	return area{}, false
}
