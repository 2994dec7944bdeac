// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const hostedSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: hosted}
domain: example.org
bundle: distro-hosted
cluster: {kubeconfig: none}
`

// TestMachinesOfAnExistingClusterAreLeftAlone: in plain words, before anything else is looked at.
func TestMachinesOfAnExistingClusterAreLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	require.NoError(t, os.WriteFile(file, []byte(hostedSite), 0o600))
	for _, args := range [][]string{
		{"node", "list"},
		{"node", "show", "a"},
		{"node", "add", "a"},
		{"node", "remove", "a"},
		{"node", "replace", "a"},
		{"upgrade", "talos"},
		{"upgrade", "kubernetes"},
		{"etcd", "snapshot"},
		{"etcd", "restore", "file"},
		{"reset"},
		{"pxe", "serve"},
		{"pxe", "status"},
		{"talosconfig"},
		{"kubeconfig"},
		{"talos", "generate"},
	} {
		code, out, text := run(t, append(args, "-f", file)...)
		require.Contains(t, text, "bundle distro-hosted is installed on an existing cluster", args)
		require.Contains(t, text, "hint: change nodes, Kubernetes and etcd by the means of whoever runs that cluster", args)
		require.Equal(t, exitUsage, code, args)
		require.Empty(t, out, args)
	}
}
