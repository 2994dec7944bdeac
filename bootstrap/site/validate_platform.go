// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"maps"
	"net/mail"
	"net/netip"
	"slices"
	"strings"

	"filippo.io/age"
)

// talos checks the versions and settings that all nodes share.
func (c *checker) talos() {
	t := c.site.Talos
	if t == nil {
		c.fail("talos", "", missing, "")
		return
	}
	c.require("talos.version", t.Version, version, "not a version", "write it as v1.13.9")
	c.require("kubernetes.version", c.site.Kubernetes.Version, version, "not a version", "write it as v1.34.4")
	c.url("talos.factory", t.Factory, "https", "http")
	c.names("talos.extensions", t.Extensions, extension, "not the name of an extension, as in siderolabs/drbd")
	c.names("talos.kernelArgs", t.KernelArgs, func(v string) bool { return !strings.ContainsAny(v, " \t\r\n") }, "more than one argument, or space around it")
	for i, arg := range t.KernelArgs {
		if strings.HasPrefix(arg, "talos.config=") || strings.HasPrefix(arg, "talos.platform=") {
			c.fail(fmt.Sprintf("talos.kernelArgs[%d]", i), arg, "set by cozy-install itself: configs are pushed, never fetched", "remove it")
		}
	}
	c.patches("talos.patches", t.Patches)
	c.patches("talos.rolePatches.controlplane", t.RolePatches.ControlPlane)
	c.patches("talos.rolePatches.worker", t.RolePatches.Worker)
}

func extension(text string) bool {
	vendor, name, ok := strings.Cut(text, "/")
	return ok && dnsLabel(vendor) && name != "" && madeOf(name, "-.")
}

func (c *checker) packages() {
	p := c.site.Packages
	c.names("packages.enable", p.Enable, dnsLabel, "not the name of a package")
	c.names("packages.disable", p.Disable, dnsLabel, "not the name of a package")
	c.names("packages.adopt", p.Adopt, dnsLabel, "not the name of a package")
	for i, name := range p.Disable {
		if slices.Contains(p.Enable, name) {
			c.fail(fmt.Sprintf("packages.disable[%d]", i), name, "enabled and disabled", "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Values)) {
		c.require(join("packages.values", name), name, dnsLabel, "not the name of a package", "")
	}
}

func (c *checker) certificates() {
	own := c.site.Certificates
	set := 0
	for _, given := range []bool{own.SelfSigned, own.ACME != nil, own.CA != ""} {
		if given {
			set++
		}
	}
	if set > 1 {
		c.fail("certificates", "", "at most one of selfSigned, acme and ca can be set", "")
	}
	if acme := own.ACME; acme != nil {
		c.url("certificates.acme.server", acme.Server, "https")
		good := func(v string) bool { parsed, err := mail.ParseAddress(v); return err == nil && parsed.Address == v }
		c.optional("certificates.acme.email", acme.Email, good, "not an e-mail address", "")
	}
}

func (c *checker) registries() {
	r := c.site.Registries
	const notRegistry = "not the host of a registry, as in docker.io or registry.example.org:5000"
	registry := func(host string) bool { return host == "*" || hostPort(host) }
	for _, host := range slices.Sorted(maps.Keys(r.Mirrors)) {
		at := join("registries.mirrors", host)
		c.require(at, host, registry, notRegistry, "")
		if len(r.Mirrors[host]) == 0 {
			c.fail(at, "", "no endpoints", "")
		}
		for i, endpoint := range r.Mirrors[host] {
			c.url(fmt.Sprintf("%s[%d]", at, i), endpoint, "https", "http")
		}
	}
	if r.Bastion != nil {
		c.require("registries.bastion.address", r.Bastion.Address, func(v string) bool {
			return hostPort(v) && strings.Contains(v, ":") && !strings.HasPrefix(v, "[")
		}, "not a host with a port, as in 192.168.1.10:5000", "")
	}
	for _, host := range slices.Sorted(maps.Keys(r.Auth)) {
		at, auth := join("registries.auth", host), r.Auth[host]
		c.require(at, host, func(v string) bool { return v != "*" && hostPort(v) }, notRegistry, "")
		c.given(at+".username", auth.Username)
		c.given(at+".passwordFile", auth.PasswordFile)
	}
}

// given checks a text of which nothing is known but that it must be there.
func (c *checker) given(path, value string) {
	c.require(path, value, func(v string) bool { return strings.TrimSpace(v) == v }, "space around it", "")
}

// surroundings checks what the site takes from its surroundings: proxy, identity provider, backup store.
func (c *checker) surroundings() {
	if p := c.site.Proxy; p != nil {
		if p.HTTP == "" && p.HTTPS == "" && !c.broken.touches("proxy") {
			c.fail("proxy", "", "neither http nor https is set", "")
		}
		if p.HTTP != "" {
			c.url("proxy.http", p.HTTP, "http", "https")
		}
		if p.HTTPS != "" {
			c.url("proxy.https", p.HTTPS, "http", "https")
		}
		c.names("proxy.noProxy", p.NoProxy, noProxy, "neither a host, a .domain, an address nor a network")
	}
	if o := c.site.Access.OIDC; o != nil {
		c.url("access.oidc.issuer", o.Issuer, "https") // OpenID Connect Core, 2: https, no query, no fragment
		c.given("access.oidc.clientID", o.ClientID)
	}
	if b := c.site.Backup; b != nil {
		c.url("backup.endpoint", b.Endpoint, "https", "http")
		bucket := func(v string) bool { return len(v) >= 3 && len(v) <= 63 && dnsName(v) } // S3's naming rules
		c.require("backup.bucket", b.Bucket, bucket, "not the name of a bucket", "")
		c.given("backup.credentialsFile", b.CredentialsFile)
	}
}

func noProxy(text string) bool {
	_, err := netip.ParsePrefix(text)
	return err == nil || text == "*" || hostPort(strings.TrimPrefix(text, "."))
}

// agePrivateKey starts an age identity, which must never be in a site file, nor in a message about one.
const agePrivateKey = "AGE-SECRET-KEY-"

func (c *checker) secrets() {
	s := c.site.Secrets
	for i, recipient := range s.AgeRecipients {
		path := fmt.Sprintf("secrets.ageRecipients[%d]", i)
		if strings.HasPrefix(strings.ToUpper(recipient), agePrivateKey) {
			c.fail(path, recipient, "a private key, which must not stand here", "write its public key: age-keygen -y <file>; and make a new key, since this one was in a file for others")
			continue
		}
		good := func(v string) bool { _, err := age.ParseX25519Recipient(v); return err == nil }
		c.require(path, recipient, good, "not an age recipient", "it starts with age1: age-keygen -y <file>")
	}
	if len(s.AgeRecipients) > 0 && s.AgeIdentityFile == "" {
		c.fail("secrets.ageIdentityFile", "", missing, "without it the next run can't read the secrets that this one writes")
	}
	if len(s.AgeRecipients) == 0 && s.AgeIdentityFile != "" && !c.broken.touches("secrets.ageRecipients") {
		c.fail("secrets.ageRecipients", "", missing, "write the identity's public key: age-keygen -y "+s.AgeIdentityFile)
	}
}
