// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestComponentsOfAConfigFollowTheClusterUnlessTheyAreNamed(t *testing.T) {
	cluster, secrets := testCluster(), testSecrets(t)
	cluster.KubernetesVersion = "v1.34.4"

	generate := func(role talos.Role) talos.Components {
		config, err := talos.Generate(cluster, secrets, testNode(role))
		require.NoError(t, err)
		found, err := talos.ConfigComponents(config)
		require.NoError(t, err)

		return found
	}

	all := talos.Components{
		talos.APIServer: "v1.34.4", talos.ControllerManager: "v1.34.4", talos.Scheduler: "v1.34.4", talos.Kubelet: "v1.34.4",
	}
	if !cluster.Requirements.DisableKubeProxy {
		all[talos.Proxy] = "v1.34.4"
	}

	require.Equal(t, all, generate(talos.ControlPlane))
	require.Equal(t, talos.Components{talos.Kubelet: "v1.34.4"}, generate(talos.Worker))

	cluster.Components = talos.Components{talos.APIServer: "v1.35.0", talos.Kubelet: "v1.33.9"}
	all[talos.APIServer], all[talos.Kubelet] = "v1.35.0", "v1.33.9"
	require.Equal(t, all, generate(talos.ControlPlane))
	require.Equal(t, talos.Components{talos.Kubelet: "v1.33.9"}, generate(talos.Worker))

	cluster.Requirements.DisableKubeProxy = false
	cluster.Components = talos.Components{talos.Proxy: "v1.35.0"}
	require.Equal(t, "v1.35.0", generate(talos.ControlPlane)[talos.Proxy])
}
