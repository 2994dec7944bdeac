// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"fmt"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/stretchr/testify/require"
)

// configFor makes a machine config for a static address .10+number, as cozy-install would.
func (l *testLab) configFor(number byte, kind machinetype.Type, patches ...string) []byte {
	l.Helper()

	input, err := generate.NewInput("lab", "https://"+l.address(10).String()+":6443", "1.34.4",
		generate.WithVersionContract(config.TalosVersion1_13), generate.WithSecretsBundle(l.bundle))
	require.NoError(l, err)
	base, err := input.Config(kind)
	require.NoError(l, err)

	loaded, err := configpatcher.LoadPatches(append([]string{fmt.Sprintf(`
machine:
  install:
    diskSelector: {serial: D1}
    image: factory.example/metal-installer/0123:v1.13.8
---
apiVersion: v1alpha1
kind: LinkAliasConfig
name: lab0
selector:
  match: mac(link.permanent_addr) == "52:54:00:77:00:%02x"
---
apiVersion: v1alpha1
kind: LinkConfig
name: lab0
addresses: [{address: %s/24}]
---
apiVersion: v1alpha1
kind: HostnameConfig
auto: off
hostname: node-%d
`, number, l.address(10+number), number)}, patches...))
	require.NoError(l, err)

	if kind == machinetype.TypeControlPlane {
		vip, err := configpatcher.LoadPatch([]byte(fmt.Sprintf(
			"apiVersion: v1alpha1\nkind: Layer2VIPConfig\nname: %s\nlink: lab0\n", l.address(10))))
		require.NoError(l, err)

		loaded = append(loaded, vip)
	}

	patched, err := configpatcher.Apply(configpatcher.WithConfig(base), loaded)
	require.NoError(l, err)
	provider, err := patched.Config()
	require.NoError(l, err)
	data, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	require.NoError(l, err)

	return data
}
