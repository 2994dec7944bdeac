// SPDX-License-Identifier: Apache-2.0

package world

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// supportBundle makes a bundle that has all its parts, and gives its files.
func (s *stage) supportBundle() map[string]string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "bundle.zip")
	code, out, said := s.onBastion(append([]string{"support", "-o", file}, s.ofSite()...)...)
	require.Zero(s.t, code, said)
	require.Equal(s.t, file+"\n", out)
	bundle, err := zip.OpenReader(file)
	require.NoError(s.t, err)
	defer bundle.Close()
	files := map[string]string{}
	for _, entry := range bundle.File {
		r, err := entry.Open()
		require.NoError(s.t, err)
		text, err := io.ReadAll(r)
		require.NoError(s.t, err)
		files[entry.Name] = string(text)
	}
	return files
}

type supportSummary struct {
	Kubernetes string
	Nodes      []struct {
		Name, State, Reason string
		Files               int
	}
}

func (s *stage) summaryOf(files map[string]string) (summary supportSummary) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal([]byte(files["summary.json"]), &summary))
	require.Len(s.t, summary.Nodes, 3)
	return summary
}

// keysAndTokens are all of the cluster's, also as they are in a PEM file, and an administrator's.
func (s *stage) keysAndTokens() [][]byte {
	s.t.Helper()
	var values [][]byte
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		for i, child := range n.Content {
			walk(child)
			secret := []string{"key", "token", "secret", "bootstraptoken", "secretboxencryptionsecret", "client-key-data"}
			if n.Kind != yaml.MappingNode || i%2 == 0 || child.Kind != yaml.ScalarNode || !slices.Contains(secret, n.Content[i-1].Value) {
				continue
			}
			values = append(values, []byte(child.Value))
			if raw, err := base64.StdEncoding.DecodeString(child.Value); err == nil && bytes.HasPrefix(raw, []byte("-----BEGIN")) {
				values = append(values, raw, bytes.Split(raw, []byte("\n"))[1])
			}
		}
	}
	for _, name := range []string{workdir.SecretsFile, workdir.TalosconfigFile, workdir.KubeconfigFile} {
		data, err := os.ReadFile(filepath.Join(s.work, name))
		if err != nil && name == workdir.KubeconfigFile {
			continue
		}
		require.NoError(s.t, err)
		var document yaml.Node
		require.NoError(s.t, yaml.Unmarshal(data, &document))
		walk(&document)
	}
	require.Greater(s.t, len(values), 20)
	return values
}

func (s *stage) requireNoKeyIn(files map[string]string) {
	s.t.Helper()
	for i, value := range s.keysAndTokens() {
		for name, text := range files {
			require.NotContains(s.t, text, string(value), "%s holds secret %d", name, i)
		}
	}
}

func (s *stage) makesASupportBundleOfTheFinishedSite() {
	files := s.supportBundle()
	summary := s.summaryOf(files)
	require.Empty(s.t, summary.Kubernetes)
	for _, n := range summary.Nodes {
		require.Equal(s.t, "ours", n.State, n.Reason)
		require.Greater(s.t, n.Files, 20)
		below := "nodes/" + n.Name + "/"
		for _, want := range []string{
			"dmesg.log", "inventory.json", "service-logs/etcd.log", "kubernetes-logs/kube-system/kube-apiserver-" + n.Name + ".log",
			"resources/machineconfigs.config.talos.dev.yaml", "resources/osrootsecrets.secrets.talos.dev.yaml",
		} {
			require.NotEmpty(s.t, files[below+want], below+want)
		}
		require.Contains(s.t, files[below+"resources/machineconfigs.config.talos.dev.yaml"], "REDACTED")
	}
	for _, want := range []string{
		"site.yaml", "journal.json", "boots.json", "status.json", "configs/cp1.yaml", "kubernetes/helm.json",
		"kubernetes/helmreleases.yaml", "kubernetes/events.yaml", "kubernetes/nodes.yaml", "kubernetes/tenants.yaml",
	} {
		require.NotEmpty(s.t, files[want], want)
	}
	require.Contains(s.t, files["kubernetes/helm.json"], `"status": "deployed"`)
	require.Contains(s.t, files["status.json"], `"healthy": true`)
	require.Contains(s.t, files["boots.json"], `"cp1"`)
	s.requireNoKeyIn(files)
}

func (s *stage) makesASupportBundleBesideAForeignNode() {
	s.expectAForeignNode()
	files := s.supportBundle()
	summary := s.summaryOf(files)
	require.Contains(s.t, summary.Kubernetes, "there is no kubeconfig yet")
	for _, n := range summary.Nodes {
		if n.Name != "cp2" {
			require.Equal(s.t, "maintenance", n.State, n.Name)
			require.Contains(s.t, files["nodes/"+n.Name+"/resources/disks.block.talos.dev.yaml"], "/dev/vda")
			continue
		}
		require.Equal(s.t, "foreign", n.State)
		require.Contains(s.t, n.Reason, "belongs to another Talos cluster")
		require.Zero(s.t, n.Files)
	}
	for name := range files {
		require.NotContains(s.t, name, "nodes/cp2/")
	}
	s.requireNoKeyIn(files)
}
