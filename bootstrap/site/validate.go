// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"slices"
	"strings"
)

// Rule texts that several checks share.
const (
	missing   = "missing"
	notLabel  = "not a DNS label (a-z, 0-9 and -, at most 63 characters)"
	notName   = "not a DNS name in lower case"
	notHost   = "neither a DNS name nor an IP address"
	duplicate = "already used by "
)

// Validate checks every rule of a site with its defaults filled in, and returns every problem; none means the site is
// valid. The problems have no positions: those are known to [Parse].
func Validate(s *Site) []Problem { return validate(s, nil) }

// validate checks a site of which some places could not be read: about those, what lies below them, and what can only be
// judged with them, it says nothing.
func validate(s *Site, broken *pathSet) []Problem {
	c := &checker{site: s, broken: broken}
	c.header()
	c.bundle()
	switch {
	case s.Hosted():
		c.hosted()
	case s.full():
		c.talos()
		c.network()
		c.netboot()
		c.assets()
		c.nodes()
	}
	c.packages()
	c.certificates()
	c.registries()
	c.surroundings()
	c.secrets()
	return c.problems
}

// checker collects the problems of one site.
type checker struct {
	site     *Site
	broken   *pathSet
	problems []Problem
}

// fail reports a problem at a path, with the value that breaks the rule ("" for none) and a hint ("" for none).
func (c *checker) fail(path, value, rule, hint string) {
	if !c.broken.has(path) {
		c.problems = append(c.problems, Problem{Path: path, Value: show(value), Rule: rule, Hint: hint})
	}
}

// require reports an empty value as missing, and one that breaks its rule.
func (c *checker) require(path, value string, good func(string) bool, rule, hint string) {
	if value == "" {
		c.fail(path, "", missing, hint)
	} else if !good(value) {
		c.fail(path, value, rule, hint)
	}
}

// optional is require for a value that may be left out.
func (c *checker) optional(path, value string, good func(string) bool, rule, hint string) {
	if value != "" {
		c.require(path, value, good, rule, hint)
	}
}

// url checks a URL that must be there.
func (c *checker) url(path, value string, schemes ...string) {
	if value == "" {
		c.fail(path, "", missing, "")
	} else if rule := checkURL(value, schemes...); rule != "" {
		c.fail(path, value, rule, "")
	}
}

// oneOf checks an enumeration.
func (c *checker) oneOf(path, value string, known ...string) {
	c.require(path, value, func(v string) bool { return slices.Contains(known, v) }, "not one of "+strings.Join(known, ", "), "")
}

// names checks a list of distinct texts.
func (c *checker) names(path string, values []string, good func(string) bool, rule string) {
	seen := map[string]bool{}
	for i, value := range values {
		item := fmt.Sprintf("%s[%d]", path, i)
		c.require(item, value, good, rule, "")
		if seen[value] {
			c.fail(item, value, "listed twice", "")
		}
		seen[value] = true
	}
}

func (c *checker) header() {
	s := c.site
	c.oneOf("apiVersion", s.APIVersion, APIVersion)
	c.oneOf("kind", s.Kind, Kind)
	c.require("metadata.name", s.Metadata.Name, dnsLabel, notLabel, "")
	hint := "write the apex in lower case, without a final dot: example.org"
	c.require("domain", s.Domain, func(v string) bool { return dnsName(v) && strings.Contains(v, ".") },
		"not a DNS name of two or more labels", hint)
	if inside := s.Network.ClusterDomain; inside != "" && s.Domain == inside {
		c.fail("domain", s.Domain, "the same as network.clusterDomain, whose names exist inside the cluster only", "")
	}
}

// bundle checks the bundle's name and what the chosen one can't have.
func (c *checker) bundle() {
	s := c.site
	c.oneOf("bundle", s.Bundle, Bundles()...)
	if strings.HasPrefix(s.Bundle, "distro-") && s.TenantRoot != nil {
		c.fail("tenantRoot", "", "not possible with bundle "+s.Bundle+", which has no tenants", "remove it, or choose a paas bundle")
	}
	reject := func(path string, given bool, instead string) {
		if given {
			c.fail(path, "", "not possible with bundle "+s.Bundle, instead)
		}
	}
	switch {
	case s.Hosted():
		const instead = "a hosted bundle is installed on an existing cluster: remove it, or choose a full bundle"
		reject("talos", s.Talos != nil, instead)
		reject("netboot", s.Netboot != nil, instead)
		reject("assets", s.Assets != nil, instead)
		reject("nodes", len(s.Nodes) > 0, instead)
		reject("kubernetes", s.Kubernetes != (Kubernetes{}), instead)
	case s.full():
		const instead = "a full bundle brings its own cluster: remove it, or choose a hosted bundle"
		reject("cluster", s.Cluster != nil, instead)
		reject("storage", s.Storage != nil, instead)
		reject("exposure", s.Exposure != nil, instead)
	}
}

// hosted checks what only the hosted bundles have.
func (c *checker) hosted() {
	s := c.site
	n := s.Network
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"vip", n.VIP.IsValid()},
		{"nodeSubnet", n.NodeSubnet.IsValid()},
		{"podSubnet", n.PodSubnet.IsValid()},
		{"nodePodSubnet", n.NodePodSubnet.IsValid()},
		{"serviceSubnet", n.ServiceSubnet.IsValid()},
		{"joinSubnet", n.JoinSubnet.IsValid()},
		{"loadBalancer", n.LoadBalancer != ""},
		{"gateway", n.Gateway.IsValid()},
		{"dnsServers", len(n.DNSServers) > 0},
		{"ntpServers", len(n.NTPServers) > 0},
	} {
		if field.given {
			c.fail("network."+field.name, "", "not possible with bundle "+s.Bundle,
				"the existing cluster has its network already: only endpoint, clusterDomain and management can be given")
		}
	}
	if s.Network.Endpoint != "" {
		c.url("network.endpoint", s.Network.Endpoint, "https")
	}
	c.require("network.clusterDomain", s.Network.ClusterDomain, dnsName, notName, "")
	c.management(nil) // the cluster's own networks are known when it is asked
	if s.Storage != nil {
		c.optional("storage.class", s.Storage.Class, dnsName, "not the name of a storage class", "list them: kubectl get storageclasses")
	}
	c.exposure()
}

func (c *checker) exposure() {
	e := c.site.Exposure
	if c.broken.touches("exposure") {
		return
	}
	const rule, hint = "exactly one of loadBalancer, nodePort, hostPort and externalIPs must be set", "loadBalancer: true is right in most clouds"
	if e == nil {
		if c.site.HasTenants() {
			c.fail("exposure", "", missing+": "+rule, hint)
		}
		return
	}
	set := 0
	for _, given := range []bool{e.LoadBalancer, e.NodePort, e.HostPort, len(e.ExternalIPs) > 0} {
		if given {
			set++
		}
	}
	if set != 1 {
		c.fail("exposure", "", rule, hint)
	}
	for i, addr := range e.ExternalIPs {
		if path := fmt.Sprintf("exposure.externalIPs[%d]", i); !c.usable(addr) {
			c.fail(path, addr.String(), notUsable, "")
		} else if slices.Contains(e.ExternalIPs[:i], addr) {
			c.fail(path, addr.String(), "listed twice", "")
		}
	}
}
