// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/talos"
)

// collected is what a node gave, by path.
func (m *testMachine) collected(c *talos.Client) map[string]talos.Found {
	m.lab.Helper()

	files := map[string]talos.Found{}

	require.NoError(m.lab, c.Collect(m.lab.Context(), func(f talos.Found) { files[f.Path] = f }))

	return files
}

func TestASupportBundleIsCollectedFromAMachineInMaintenance(t *testing.T) {
	m := newLab(t, 166).machine(1)
	at := netip.AddrPortFrom(m.lab.address(101), talos.Port)

	var answer talos.Answer

	m.lab.eventually("maintenance", func() (err error) {
		answer, err = talos.Probe(t.Context(), at, nil)

		return err
	})
	require.Equal(t, talos.Maintenance, answer.State)

	c, err := talos.DialMaintenance(t.Context(), at, answer.Fingerprint)
	require.NoError(t, err)

	defer c.Close()

	files := m.collected(c)
	require.Contains(t, string(files["dmesg.log"].Data), "Linux version")
	require.Contains(t, string(files["resources/disks.block.talos.dev.yaml"].Data), "/dev/vdb")
	require.Contains(t, string(files["processes"].Data), "kthreadd")

	for name, file := range files {
		if name == "kubernetes-logs" {
			require.ErrorContains(t, file.Err, "containerd.sock", "no containers yet, and the rest is there")

			continue
		}

		require.True(t, file.Err == nil || file.Withheld, "%s: %v", name, file.Err)
	}

	require.True(t, files["devices"].Withheld, "reading files is the administrator's")
}

func TestASupportBundleOfANodeHoldsNoSecret(t *testing.T) {
	lab := newLab(t, 167)
	m := lab.machine(1)
	m.install(lab.configFor(1, machine.TypeControlPlane))
	m.bootstrap()

	plain, err := yaml.Marshal(lab.bundle)
	require.NoError(t, err)
	secrets, err := talos.ParseSecrets(plain)
	require.NoError(t, err)
	talosconfig, err := talos.Talosconfig(talos.Cluster{Name: "lab"}, secrets, []string{"127.167.0.11"})
	require.NoError(t, err)
	creds, err := talos.ParseCredentials(talosconfig)
	require.NoError(t, err)
	c, err := talos.Dial(t.Context(), netip.AddrPortFrom(lab.address(11), talos.Port), creds)
	require.NoError(t, err)

	defer c.Close()

	lab.eventually("a running node", func() error {
		now, err := c.Status(t.Context())
		if err == nil && string(now.Stage) != string(talosim.StageRunning) {
			err = errors.New("it is " + string(now.Stage))
		}

		return err
	})

	files := m.collected(c)
	for _, want := range []string{
		"service-logs/etcd.log", "service-logs/etcd.state", "resources/machinestatuses.runtime.talos.dev.yaml", "io", "mounts",
	} {
		require.NotEmpty(t, files[want].Data, want)
	}

	require.True(t, files["resources/manifests.kubernetes.talos.dev.yaml"].Withheld)

	token := lab.bundle.Secrets.BootstrapToken

	for name, file := range files {
		require.True(t, file.Err == nil || file.Withheld, "%s: %v", name, file.Err)

		for _, secret := range []string{
			token, token[7:], lab.bundle.TrustdInfo.Token, lab.bundle.Secrets.SecretboxEncryptionSecret, "PRIVATE KEY",
		} {
			require.NotContains(t, string(file.Data), secret, name)
		}
	}
}
