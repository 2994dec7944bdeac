// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"os"
	"strings"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestRealNodeInMaintenance(t *testing.T) {
	panicBefore := setting(t, "kernel/panic")
	lab := openLab(t)
	node, answer := startNode(t, lab, 1)
	require.NotEmpty(t, answer.Fingerprint)
	client, err := talos.DialMaintenance(t.Context(), node.Addr(), answer.Fingerprint)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	t.Run("shows its inventory to everybody", func(t *testing.T) {
		inventory, err := client.Inventory(t.Context())
		require.NoError(t, err)
		require.Equal(t, lab.TalosVersion, inventory.TalosVersion)
		require.NotNil(t, inventory.Security)
		require.False(t, inventory.Security.SecureBoot)
		require.True(t, inventory.Container)
		require.Len(t, inventory.Links, 1)
		require.Equal(t, node.MAC, inventory.Links[0].MAC)
		require.Equal(t, []string{hardware.SystemInformationType}, inventory.Withheld, "a container has no SMBIOS")
		require.Empty(t, inventory.Disks, "nor disks")

		status, err := client.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, talos.Status{Stage: talos.StageMaintenance, Ready: true}, status)
	})
	made := writeSite(t, lab, node)
	configs, creds := made.configs(t)
	config := configs[node.Name]
	t.Run("judges configs and changes nothing", func(t *testing.T) {
		details, err := client.DryRun(t.Context(), config)
		require.NoError(t, err)
		require.Contains(t, strings.ToLower(details), "dry run")
		for name, wrong := range map[string]string{
			"an unknown key":      strings.Replace(string(config), "machine:\n", "machine:\n    nonsense: 1\n", 1),
			"a broken rule":       strings.Replace(string(config), "type: controlplane", "type: nonsense", 1),
			"an unknown document": string(config) + "---\napiVersion: v1alpha1\nkind: Nonsense\n",
			"not YAML":            "{{",
		} {
			require.NotEqual(t, string(config), wrong, name)
			require.ErrorIs(t, client.Apply(t.Context(), []byte(wrong)), talos.ErrInvalidConfig, name)
		}
		still, err := talos.Probe(t.Context(), node.Addr(), creds)
		require.NoError(t, err)
		require.Equal(t, answer, still)
	})
	t.Run("is another machine to whoever pinned another key", func(t *testing.T) {
		other, err := talos.DialMaintenance(t.Context(), node.Addr(), strings.Repeat("A", 43)+"=")
		require.NoError(t, err)
		defer other.Close()
		require.ErrorIs(t, other.Apply(t.Context(), config), talos.ErrUnavailable)
	})
	require.Equal(t, panicBefore, setting(t, "kernel/panic"), "a node may not change the host's settings")
}

// setting reads one of the kernel's, which all nodes share with the host.
func setting(t *testing.T, name string) string {
	t.Helper()
	value, err := os.ReadFile("/proc/sys/" + name)
	require.NoError(t, err)
	return string(value)
}
