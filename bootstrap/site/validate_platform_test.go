// SPDX-License-Identifier: Apache-2.0

package site

import (
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
)

// with puts a line before the network of the smallest full site, as line 7.
func with(line string, want ...string) rule { return rule{"network:", line + "\nnetwork:", want} }

func TestTalosRules(t *testing.T) {
	checkRules(t, full, map[string]rule{
		"version":          with("talos: {version: 1.13.9}", `7:18 talos.version: "1.13.9": not a version`),
		"short version":    with("talos: {version: v1.13}", `7:18 talos.version: "v1.13": not a version`),
		"kubernetes":       with("kubernetes: {version: latest}", `7:23 kubernetes.version: "latest": not a version`),
		"factory":          with("talos: {factory: factory.talos.dev}", `7:18 talos.factory: "factory.talos.dev": not a URL that starts with https:// or http://`),
		"factory's query":  with("talos: {factory: 'https://a.example.org/?x=1'}", `7:18 talos.factory: "https://a.example.org/?x=1": a URL with a query or a fragment`),
		"extension":        with("talos: {extensions: [drbd]}", `7:22 talos.extensions[0]: "drbd": not the name of an extension, as in siderolabs/drbd`),
		"extension twice":  with("talos: {extensions: [siderolabs/drbd, siderolabs/drbd]}", `7:39 talos.extensions[1]: "siderolabs/drbd": listed twice`),
		"two arguments":    with("talos: {kernelArgs: [quiet splash]}", `7:22 talos.kernelArgs[0]: "quiet splash": more than one argument, or space around it`),
		"config by kernel": with("talos: {kernelArgs: ['talos.config=http://x']}", `7:22 talos.kernelArgs[0]: "talos.config=http://x": set by cozy-install itself: configs are pushed, never fetched`),
		"empty patch":      with("talos: {patches: [{}]}", `7:19 talos.patches[0]: an empty patch`),
	})
	require.Empty(t, problems(t, strings.Replace(full, "network:", "talos: {version: v1.14.0-beta.1, factory: 'http://10.77.0.1:8080/factory'}\nnetwork:", 1)))
}

func TestNetbootRules(t *testing.T) {
	checkRules(t, full, map[string]rule{
		"mode":           {"interface:", "mode: full\n  interface:", []string{`11:9 netboot.mode: "full": not one of proxy, server, off`}},
		"approve":        {"interface:", "approve: all\n  interface:", []string{`11:12 netboot.approve: "all": not one of site, fingerprint, any`}},
		"no interface":   {"netboot:\n  interface: eth0\n", "", []string{"1:1 netboot.interface: missing"}},
		"long interface": {"eth0", "enx0123456789abcdef", []string{`11:14 netboot.interface: "enx0123456789abcdef": not the name of a network interface`}},
	})
	require.Empty(t, problems(t, strings.Replace(full, "interface: eth0", "mode: off", 1)))
}

func TestPlatformRules(t *testing.T) {
	checkRules(t, full, map[string]rule{
		"package name":             with("packages: {enable: [Flux]}", `7:21 packages.enable[0]: "Flux": not the name of a package`),
		"enabled and disabled":     with("packages: {enable: [flux], disable: [flux]}", `7:38 packages.disable[0]: "flux": enabled and disabled`),
		"values of no package":     with("packages: {values: {'a b': {x: 1}}}", `7:21 packages.values["a b"]: "a b": not the name of a package`),
		"values of a wrong type":   with("packages: {values: {flux: [1]}}", `7:21 packages.values.flux: a list where a mapping belongs`),
		"two signers":              with("certificates: {selfSigned: true, ca: ca.pem}", `7:1 certificates: at most one of selfSigned, acme and ca can be set`),
		"ACME server":              with("certificates: {acme: {server: 'http://a.example.org'}}", `7:31 certificates.acme.server: "http://a.example.org": not a URL that starts with https://`),
		"ACME e-mail":              with("certificates: {acme: {email: 'Ops <ops@example.org>'}}", `7:30 certificates.acme.email: "Ops <ops@example.org>": not an e-mail address`),
		"mirror host":              with("registries: {mirrors: {'https://docker.io': ['https://a.example.org']}}", `7:24 registries.mirrors["https://docker.io"]: "https://docker.io": not the host of a registry, as in docker.io or registry.example.org:5000`),
		"mirror without endpoints": with("registries: {mirrors: {docker.io: []}}", `7:24 registries.mirrors["docker.io"]: no endpoints`),
		"mirror endpoint":          with("registries: {mirrors: {'*': [a.example.org]}}", `7:30 registries.mirrors["*"][0]: "a.example.org": not a URL that starts with https:// or http://`),
		"registry login":           with("registries: {auth: {docker.io: {username: me}}}", `7:21 registries.auth["docker.io"].passwordFile: missing`),
		"bastion's address":        with("registries: {bastion: {address: 192.168.1.10}}", `7:33 registries.bastion.address: "192.168.1.10": not a host with a port, as in 192.168.1.10:5000`),
		"bastion by a name":        with("registries: {bastion: {address: 'bastion.example.org:5000'}}", `7:33 registries.bastion.address: "bastion.example.org": a name: pods of tenants are kept from addresses only, and could reach it`),
		"no bastion's address":     with("registries: {bastion: {only: true}}", `7:14 registries.bastion.address: missing`),
		"empty proxy":              with("proxy: {noProxy: [a.example.org]}", `7:1 proxy: neither http nor https is set`),
		"proxy":                    with("proxy: {http: 'socks5://a.example.org'}", `7:15 proxy.http: "socks5://a.example.org": not a URL that starts with http:// or https://`),
		"proxy login":              with("proxy: {http: 'http://me:secret@a.example.org'}", `7:15 proxy.http: "http://...@a.example.org": a URL with credentials in it`),
		"no proxy":                 with("proxy: {https: 'http://a.example.org:3128', noProxy: [.svc, 10.0.0.0/8, '*', 'a b']}", `7:78 proxy.noProxy[3]: "a b": neither a host, a .domain, an address nor a network`),
		"issuer":                   with("access: {oidc: {issuer: 'http://a.example.org', clientID: x}}", `7:25 access.oidc.issuer: "http://a.example.org": not a URL that starts with https://`),
		"no client":                with("access: {oidc: {issuer: 'https://a.example.org'}}", `7:10 access.oidc.clientID: missing`),
		"bucket":                   with("backup: {endpoint: 'https://a.example.org', bucket: My_Bucket, credentialsFile: s3}", `7:53 backup.bucket: "My_Bucket": not the name of a bucket`),
		"empty backup":             with("backup: {}", "7:1 backup.endpoint: missing", "7:1 backup.bucket: missing", "7:1 backup.credentialsFile: missing"),
	})
}

func TestSecretsRules(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	recipient := identity.Recipient().String()
	checkRules(t, full, map[string]rule{
		"no identity file": with("secrets: {ageRecipients: ["+recipient+"]}", "7:1 secrets.ageIdentityFile: missing"),
		"no recipients":    with("secrets: {ageIdentityFile: age.key}", "7:1 secrets.ageRecipients: missing"),
		"not a recipient":  with("secrets: {ageRecipients: [age1x], ageIdentityFile: k}", `7:27 secrets.ageRecipients[0]: "age1x": not an age recipient`),
	})
	require.Empty(t, problems(t, strings.Replace(full, "network:", "secrets: {ageRecipients: ["+recipient+"], ageIdentityFile: k}\nnetwork:", 1)))
}

func TestNoSecretIsRepeatedInAMessage(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	for _, line := range []string{
		"secrets: {ageRecipients: [" + identity.String() + "], ageIdentityFile: k}",
		"secrets: {ageRecipients: [{" + identity.String() + ": x}], ageIdentityFile: k}",
		"proxy: {http: 'http://me:" + identity.String() + "@a.example.org'}",
		"proxy: {http: 'http://me:%zz" + identity.String() + "@a.example.org'}",
		"backup: {password: " + identity.String() + "}",
		"registries: {auth: {docker.io: {username: me, password: " + identity.String() + "}}}",
	} {
		_, err := Parse("x", []byte(strings.Replace(full, "network:", line+"\nnetwork:", 1)))
		require.Error(t, err, line)
		require.NotContains(t, err.Error(), identity.String(), line)
	}
}
