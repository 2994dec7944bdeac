// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

// The netboot sections of site files.
const (
	serverMode = "{interface: eth0, mode: server, pool: 10.77.0.100-10.77.0.119, leaseTime: 2m}"
	proxyMode  = "{interface: eth0, mode: proxy}"
)

// The ends of the wire.
var (
	bastion = netip.MustParsePrefix("10.77.0.2/24")
	router  = netip.MustParsePrefix("10.77.0.1/24")
)

// site is a wire with the server's host at one end, and the directory in which the server is started.
type site struct {
	t       *testing.T
	network *lan.Netns
	dir     string
	server  *server           // nil: none runs
	images  map[string]string // names of what may be booted, by SHA-256
}

// newSite makes a wire and a site file with the nodes cp1 to cp3, known by the MACs 52:54:00:77:00:01 to 03 at 10.77.0.21 to
// 23, and others as they are given, one line each.
func newSite(t *testing.T, netboot string, nodes ...string) *site {
	t.Helper()

	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root (or an own user namespace)")
	}

	t.Parallel()

	network, err := lan.NewNetns(t.Context(), lan.NetnsConfig{Bastion: bastion, Site: router})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, network.Close()) })

	s := &site{t: t, network: network, dir: t.TempDir(), images: map[string]string{}}
	s.writeFiles(netboot, nodes)

	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) writeFiles(netboot string, nodes []string) {
	s.t.Helper()

	text := fmt.Sprintf(`apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: wire}
domain: wire.example.org
bundle: paas-full
network:
  nodeSubnet: 10.77.0.0/24
  vip: 10.77.0.10
  gateway: 10.77.0.1
  dnsServers: [10.77.0.1]
  nodePodSubnet: 10.128.0.0/12
  loadBalancer: 10.99.1.0/24
netboot: %s
nodes:
  - {name: cp1, role: controlplane, mac: "52:54:00:77:00:01", address: 10.77.0.21, disk: {serial: D1}}
  - {name: cp2, role: controlplane, mac: "52:54:00:77:00:02", address: 10.77.0.22, disk: {serial: D2}}
  - {name: cp3, role: controlplane, mac: "52:54:00:77:00:03", address: 10.77.0.23, disk: {serial: D3}}
`, netboot)
	for i, node := range nodes {
		text += fmt.Sprintf("  - {%s, role: worker, disk: {serial: W%d}}\n", node, i)
	}

	require.NoError(s.t, os.WriteFile(s.path("site.yaml"), []byte(text), 0o600))

	for _, dir := range []string{"ipxe", "assets"} {
		require.NoError(s.t, os.Mkdir(s.path(dir), 0o755))
	}

	require.NoError(s.t, sitesim.WriteLoaders(s.path("ipxe")))

	factory := &sitesim.Factory{KernelSize: 64 << 10, InitramfsSize: 96 << 10, UKISize: 128 << 10}
	for _, arch := range []string{"amd64", "arm64"} {
		for _, name := range []string{"kernel-" + arch, "initramfs-" + arch + ".xz", "metal-" + arch + "-uki.efi"} {
			content := factory.Content("wire", "v0", name)
			require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "assets", name), content, 0o600))

			sum := sha256.Sum256(content)
			s.images[hex.EncodeToString(sum[:])] = name
		}
	}
}
