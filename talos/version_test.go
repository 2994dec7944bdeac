// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestTalosGoesToTheSameOrTheNextMinorVersion(t *testing.T) {
	for _, test := range []struct{ from, to, want string }{
		{"v1.13.9", "v1.13.9", ""},
		{"v1.13.2", "v1.13.9", ""},
		{"v1.12.4", "v1.13.0", ""},
		{"1.11.5", "v1.12.0", ""},
		{"v1.13.0-beta.1", "v1.13.0", ""},
		{"v1.11.5", "v1.13.9", "minor versions cannot be left out"},
		{"v1.13.9", "v1.13.8", "that would be a downgrade"},
		{"v1.13.0", "v1.12.9", "that would be a downgrade"},
		{"v1.13.0", "v1.13.0-beta.1", "that would be a downgrade"},
		{"v1.13.9", "v2.0.0", "minor versions cannot be left out"},
		{"v1.13.9", "v1.14.0", "upgrades to version 1.14.0 are not supported"},
		{"", "v1.13.9", "a version that is none"},
		{"v1.13.9", "latest", "not a version"},
	} {
		err := talos.CheckTalosUpgrade(test.from, test.to)
		if test.want == "" {
			require.NoError(t, err, "%s to %s", test.from, test.to)

			continue
		}

		require.ErrorContains(t, err, test.want, "%s to %s", test.from, test.to)

		var hinting interface{ Hint() string }

		require.ErrorAs(t, err, &hinting)
		require.NotEmpty(t, hinting.Hint())
	}

	var jump *talos.JumpError

	require.ErrorAs(t, talos.CheckTalosUpgrade("v1.11.5", "v1.13.9"), &jump)
	require.Contains(t, jump.Hint(), "set talos.version to the newest release of v1.12 first")
}

func TestKubernetesGoesToTheSameOrTheNextMinorVersionThatTalosRuns(t *testing.T) {
	for _, test := range []struct{ from, to, talos, want string }{
		{"v1.34.4", "v1.34.4", "v1.13.9", ""},
		{"v1.34.4", "v1.34.6", "v1.13.9", ""},
		{"v1.34.4", "v1.35.0", "v1.13.9", ""},
		{"v1.33.4", "v1.35.0", "v1.13.9", "minor versions cannot be left out"},
		{"v1.35.0", "v1.34.4", "v1.13.9", "that would be a downgrade"},
		{"v1.35.0", "v1.36.0", "v1.12.4", "is too new to be used with Talos 1.12.4"},
		{"v1.30.1", "v1.30.9", "v1.13.9", "is too old to be used with Talos 1.13.9"},
	} {
		err := talos.CheckKubernetesUpgrade(test.from, test.to, test.talos)
		if test.want == "" {
			require.NoError(t, err, "%s to %s", test.from, test.to)

			continue
		}

		require.ErrorContains(t, err, test.want, "%s to %s", test.from, test.to)
	}
}

func TestVersionsAreComparedAsVersions(t *testing.T) {
	require.True(t, talos.SameVersion("v1.13.9", "1.13.9"))
	require.False(t, talos.SameVersion("v1.13.9", "v1.13.9-beta.1"))
	require.False(t, talos.SameVersion("v1.13.9", "v1.13.90"))
	require.False(t, talos.SameVersion("", ""), "what is not known is not the same")
}
