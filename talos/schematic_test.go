// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

// The id of the empty schematic is the one that the public image factory's documentation shows.
func TestSchematicIDsAreTheFactorysOwn(t *testing.T) {
	id, yaml, err := talos.Schematic(talos.Requirements{}, nil, nil)
	require.NoError(t, err)
	require.Equal(t, "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba", id)
	require.Equal(t, "customization: {}\n", string(yaml))
}

func TestExtensionsAreASetAndKernelArgumentsAList(t *testing.T) {
	bundle := talos.Requirements{Extensions: []string{"siderolabs/zfs", "siderolabs/drbd"}, KernelArgs: []string{"console=tty0"}}

	first, yaml, err := talos.Schematic(bundle, []string{"siderolabs/drbd"}, []string{"console=ttyS0"})
	require.NoError(t, err)
	require.Equal(t, `customization:
    extraKernelArgs:
        - console=tty0
        - console=ttyS0
    systemExtensions:
        officialExtensions:
            - siderolabs/drbd
            - siderolabs/zfs
`, string(yaml))
	require.Equal(t, []string{"siderolabs/zfs", "siderolabs/drbd"}, bundle.Extensions, "the input is not sorted in place")

	second, _, err := talos.Schematic(talos.Requirements{KernelArgs: []string{"console=tty0"}},
		[]string{"siderolabs/drbd", "siderolabs/zfs"}, []string{"console=ttyS0"})
	require.NoError(t, err)
	require.Equal(t, first, second)

	third, _, err := talos.Schematic(bundle, nil, nil)
	require.NoError(t, err)
	require.NotEqual(t, first, third)
}

func TestSchematicRefusesWhatTheFactoryWould(t *testing.T) {
	_, _, err := talos.Schematic(talos.Requirements{}, []string{"drbd"}, nil)
	require.ErrorContains(t, err, `extension "drbd"`)

	_, _, err = talos.Schematic(talos.Requirements{}, nil, []string{"a b"})
	require.ErrorContains(t, err, `kernel argument "a b"`)
}

func TestInstallImageNamesTheFactorysInstaller(t *testing.T) {
	for url, want := range map[string]string{
		"https://factory.talos.dev":     "factory.talos.dev/metal-installer/abc:v1.13.9",
		"http://10.77.0.1:8080/":        "10.77.0.1:8080/metal-installer/abc:v1.13.9",
		"factory.example.org/mirror//":  "factory.example.org/mirror/metal-installer/abc:v1.13.9",
		"https://[2001:db8::1]:8080/pf": "[2001:db8::1]:8080/pf/metal-installer/abc:v1.13.9",
	} {
		require.Equal(t, want, talos.InstallImage(url, "abc", "v1.13.9"))
	}

	require.Equal(t, "factory.talos.dev/metal-installer-secureboot/abc:v1.13.9",
		talos.SecureBootInstallImage("https://factory.talos.dev", "abc", "v1.13.9"))
}
