// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestAConfigHasTheFormThatTheRunningTalosReads(t *testing.T) {
	for name, test := range map[string]struct {
		target, running, form string // form is the version whose config comes out, but for the target's installer
	}{
		"running unknown":     {"v1.13.9", "", "v1.13.9"},
		"running is target":   {"v1.13.9", "v1.13.2", "v1.13.9"},
		"running is older":    {"v1.13.9", "v1.12.6", "v1.12.6"},
		"running is oldest":   {"v1.13.9", "v1.11.0-beta.1", "v1.11.6"},
		"running is newer":    {"v1.12.6", "v1.13.9", "v1.12.6"},
		"running is too new":  {"v1.13.9", "v1.15.0", "v1.13.9"},
		"both are the oldest": {"v1.11.6", "v1.11.6", "v1.11.6"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, node := testCluster(), testNode(talos.ControlPlane)
			wide(t, &cluster, &node)
			cluster.TalosVersion, node.Running = test.target, test.running
			got, err := talos.Generate(cluster, testSecrets(t), node)
			require.NoError(t, err)

			cluster.TalosVersion, node.Running = test.form, ""
			want, err := talos.Generate(cluster, testSecrets(t), node)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		})
	}
}

func TestATalosWithoutAConfigIsNamed(t *testing.T) {
	for running, want := range map[string]string{
		"v1.10.4": `the machine runs Talos version "v1.10.4": configs are written for 1.11 and newer`,
		"latest":  `the machine runs Talos version "latest": not a version`,
	} {
		node := testNode(talos.Worker)
		node.Running = running
		_, err := talos.Generate(testCluster(), testSecrets(t), node)
		require.ErrorContains(t, err, want)

		var version *talos.RunningVersionError
		require.ErrorAs(t, err, &version)
		require.Contains(t, version.Hint(), "boot the machine")
	}
}

func TestWhatTheRunningTalosCannotDecodeIsRefusedInWords(t *testing.T) {
	vrf := tree{"apiVersion": "v1alpha1", "kind": "VRFConfig", "name": "blue", "table": "100", "links": []any{"net0"}}
	pattern := tree{"apiVersion": "v1alpha1", "kind": "LinkAliasConfig", "name": "lan%d", "selector": tree{"match": "true"}}
	twice := tree{"cluster": tree{"apiServer": tree{"extraArgs": tree{"service-account-issuer": []any{"https://a", "https://b"}}}}}
	uki := tree{"machine": tree{"install": tree{"grubUseUKICmdline": true}}}
	disk := tree{"apiVersion": "v1alpha1", "kind": "UserVolumeConfig", "name": "data", "volumeType": "disk", "provisioning": tree{"diskSelector": tree{"match": "!system_disk"}}}

	for name, test := range map[string]struct {
		running string
		patch   tree
		want    string // "": it is read
		hint    string
	}{
		"a document of 1.13 on 1.12": {"v1.12.6", vrf, "Talos v1.12.6 does not know VRFConfig (since v1.13)", "boot the machine with a Talos of v1.13 or newer"},
		"the same on 1.13":           {"v1.13.0", vrf, "", ""},
		"the same before it boots":   {"", vrf, "", ""},
		"a list of arguments": {
			"v1.12.6", twice, "Talos v1.12.6 does not know cluster.apiServer.extraArgs.service-account-issuer[] (since v1.13)", "leave it out",
		},
		"one argument":                {"v1.12.6", tree{"cluster": tree{"apiServer": tree{"extraArgs": tree{"profiling": "false"}}}}, "", ""},
		"numbered aliases":            {"v1.12.6", pattern, "Talos v1.12.6 does not know LinkAliasConfig name lan%d (since v1.13)", "v1.13"},
		"a key of 1.12 on 1.11":       {"v1.11.6", uki, "Talos v1.11.6 does not know machine.install.grubUseUKICmdline (since v1.12)", "a Talos of v1.12 or newer"},
		"the same on 1.12":            {"v1.12.0", uki, "", ""},
		"a key of a further document": {"v1.11.6", disk, "Talos v1.11.6 does not know UserVolumeConfig volumeType (since v1.12)", "v1.12"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, node := testCluster(), testNode(talos.ControlPlane)
			node.Running = test.running
			cluster.Patches = patches("talos", tree{"machine": tree{"sysctls": tree{"a": "b"}}}, test.patch)
			_, err := talos.Generate(cluster, testSecrets(t), node)

			if test.want == "" {
				require.NoError(t, err)

				return
			}

			var patch *talos.PatchError
			require.ErrorAs(t, err, &patch)
			require.Equal(t, "talos.patches[1]", patch.Place)
			require.True(t, strings.HasSuffix(err.Error(), "talos.patches[1] (for node node1): "+test.want), "%v", err)
			require.Contains(t, patch.Hint(), test.hint)

			var unknown *talos.UnknownKeysError
			require.ErrorAs(t, err, &unknown)
			require.Equal(t, "v1.13.9", unknown.Target)
		})
	}
}

func TestWhatTheTargetCannotDecodeIsRefusedToo(t *testing.T) {
	cluster := testCluster()
	cluster.TalosVersion = "v1.12.6"
	cluster.Patches = patches("talos", tree{"apiVersion": "v1alpha1", "kind": "BlackholeRouteConfig", "name": "10.9.0.0/16"})
	_, err := talos.Generate(cluster, testSecrets(t), testNode(talos.Worker))

	var unknown *talos.UnknownKeysError
	require.ErrorAs(t, err, &unknown)
	require.EqualError(t, unknown, "Talos v1.12.6 does not know BlackholeRouteConfig (since v1.13)")
	require.Contains(t, unknown.Hint(), "set talos.version to a release of v1.13")
}
