// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/taloslab"
	"github.com/cozystack/cozy-install/talos"
)

const imageServer = "10.77.0.2:5000"

// workerPrefix is what names of workers begin with.
const workerPrefix = "w"

// vip is where the Kubernetes API of real nodes is: one of them has the address.
var vip = netip.MustParseAddr("10.77.0.10")

// testSite is a site file for nodes of the lab, as an operator writes it. Nodes in containers have no clock of their own to
// set, and get the lab's images, among which there is no CoreDNS. Their gateway leads nowhere: Talos wants one to call a
// network connected. They share the host's disk and memory, whose state is no reason for kubelet to evict pods.
type testSite struct {
	file, workDir string
	loaded        *site.Site
}

func writeSite(t *testing.T, lab *taloslab.Lab, nodes ...*taloslab.Node) testSite {
	t.Helper()
	entries := make([]siteNode, len(nodes))
	for i, node := range nodes {
		entries[i] = siteNode{node.Name, node.MAC, node.Address.Addr()}
	}
	return writeSiteOf(t, lab, "vip: "+vip.String(), entries...)
}

type siteNode struct {
	name    string
	mac     net.HardwareAddr
	address netip.Addr
}

// writeSiteOf writes a site whose Kubernetes API is where access says: a line below network.
func writeSiteOf(t *testing.T, lab *taloslab.Lab, access string, nodes ...siteNode) testSite {
	t.Helper()
	var list strings.Builder
	for i, node := range nodes {
		role := "controlplane"
		if strings.HasPrefix(node.name, workerPrefix) {
			role = "worker"
		}
		fmt.Fprintf(&list, "- {name: %s, role: %s, mac: %q, address: %s, disk: {serial: none%d}}\n", node.name, role, node.mac, node.address, i)
	}
	text := fmt.Sprintf(`apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: taloslab}
domain: example.org
bundle: paas-full
talos:
  version: %s
  patches:
  - machine: {time: {disabled: true}}
  - machine: {kubelet: {extraConfig: {evictionHard: {memory.available: 0%%, nodefs.available: 0%%, imagefs.available: 0%%}}}}
  rolePatches:
    controlplane:
    - cluster: {etcd: {image: "registry.k8s.io/etcd:%s"}, coreDNS: {disabled: true}}
kubernetes: {version: %s}
network:
  %s
  nodeSubnet: 10.77.0.0/24
  gateway: 10.77.0.2
netboot: {interface: eth1, mode: "off"}
registries:
  mirrors:
    registry.k8s.io: ["http://%[5]s"]
    ghcr.io: ["http://%[5]s"]
nodes:
%[6]s`, lab.TalosVersion, taloslab.EtcdVersion, taloslab.KubernetesVersion, access, imageServer, list.String())
	dir := t.TempDir()
	s := testSite{file: filepath.Join(dir, "site.yaml"), workDir: filepath.Join(dir, "work")}
	return s.write(t, text)
}

func (s testSite) write(t *testing.T, text string) testSite {
	t.Helper()
	require.NoError(t, os.WriteFile(s.file, []byte(text), 0o600))
	var err error
	s.loaded, err = site.Load(s.file)
	require.NoError(t, err)
	return s
}

// configs are what the product makes of the site: the machine config of each node, and the credentials for afterwards.
func (s testSite) configs(t *testing.T) (map[string][]byte, *talos.Credentials) {
	t.Helper()
	configs, talosconfig := s.generate(t)
	creds, err := talos.ParseCredentials(talosconfig)
	require.NoError(t, err)
	return configs, creds
}

func (s testSite) generate(t *testing.T) (configs map[string][]byte, talosconfig []byte) {
	t.Helper()
	configs, talosconfig, err := bootstrap.GenerateConfigs(t.Context(), bootstrap.Options{Site: s.loaded, WorkDir: s.workDir})
	require.NoError(t, err)
	return configs, talosconfig
}

// configure gives a node in maintenance its config as the product does, and waits until it is ours.
func configure(t *testing.T, addr netip.AddrPort, fingerprint string, config []byte, creds *talos.Credentials) {
	t.Helper()
	client, err := talos.DialMaintenance(t.Context(), addr, fingerprint)
	require.NoError(t, err)
	defer client.Close()
	details, err := client.DryRun(t.Context(), config)
	require.NoError(t, err)
	require.Contains(t, strings.ToLower(details), "dry run", "the node says what it would do")
	still, err := talos.Probe(t.Context(), addr, creds)
	require.NoError(t, err)
	require.Equal(t, talos.Answer{State: talos.Maintenance, Fingerprint: fingerprint}, still, "a dry run changes nothing")
	require.NoError(t, client.Apply(t.Context(), config))
	awaitState(t, addr, talos.Ours, creds)
}
