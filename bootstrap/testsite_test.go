// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// loopbackSite has its nodes at addresses of the loopback interface where nobody listens.
const loopbackSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: test}
domain: example.org
bundle: paas-full
talos: {factory: "http://127.211.7.1:8080"}
network: {nodeSubnet: 127.211.7.0/28, vip: 127.211.7.10, gateway: 127.211.7.1, dnsServers: [127.211.7.1]}
netboot: {interface: lo, mode: proxy}
nodes:
- {name: cp1, role: controlplane, mac: "52:54:00:00:00:01", address: 127.211.7.2, disk: {serial: D1}}
- {name: cp2, role: controlplane, mac: "52:54:00:00:00:02", address: 127.211.7.3, disk: {serial: D2}}
- {name: cp3, role: controlplane, mac: "52:54:00:00:00:03", address: 127.211.7.4, disk: {serial: D3}}
- {name: w1, role: worker, serial: S4, address: 127.211.7.5, disk: {serial: D4}}
`

// parseSite reads the loopback site with a text of it replaced by another.
func parseSite(t *testing.T, was, is string) *site.Site {
	t.Helper()
	require.Contains(t, loopbackSite, was)
	s, err := site.Parse("site.yaml", []byte(strings.Replace(loopbackSite, was, is, 1)))
	require.NoError(t, err)
	return s
}

// withoutSecrets is a run in a new work directory in which nothing has happened yet.
func withoutSecrets(t *testing.T, s *site.Site) *bringup {
	t.Helper()
	dir, err := workdir.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	b, err := newBringup(Options{Site: s}, dir)
	require.NoError(t, err)
	return b
}

// withSecrets is a run whose secrets have been created by an earlier one.
func withSecrets(t *testing.T, s *site.Site) *bringup {
	t.Helper()
	b := withoutSecrets(t, s)
	_, err := phase.Runner{}.Run(t.Context(), []phase.Phase{b.createSecrets()})
	require.NoError(t, err)
	again, err := newBringup(b.opts, b.dir)
	require.NoError(t, err)
	return again
}
