// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fluxDeployments have the parts of the community chart's that the package's patches touch.
const fluxDeployments = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: source-controller}
spec:
  strategy: {type: Recreate}
  template:
    spec:
      containers: [{name: manager, ports: [{containerPort: 9090, name: http}, {containerPort: 8080, name: http-prom}, {containerPort: 9440, name: healthz}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: helm-controller}
spec:
  template:
    spec:
      containers: [{name: manager, ports: [{containerPort: 8080, name: http-prom}, {containerPort: 9440, name: healthz}]}]
`

// TestFluxIsOnTheHostsNetworkOnTalos: what mends a cluster's network must not need it.
func TestFluxIsOnTheHostsNetworkOnTalos(t *testing.T) {
	for _, plan := range shipped(t) {
		flux := plan.Packages[indexOf(plan.Packages, "flux")]
		if plan.Platform == Generic {
			require.Empty(t, flux.Patches, "ports of an existing cluster's nodes are its own")
			_, found := lookup(flux.Values, []string{"helmController", "extraEnv"})
			require.False(t, found)
			continue
		}
		patched, err := patcher{flux.Patches}.Run(bytes.NewBufferString(fluxDeployments))
		require.NoError(t, err)
		objects, err := objectsOf(patched.String())
		require.NoError(t, err)
		require.Len(t, objects, 2)
		taken := map[any]string{}
		for _, object := range objects {
			pod, _, err := unstructured.NestedMap(object.Object, "spec", "template", "spec")
			require.NoError(t, err)
			require.Equal(t, true, pod["hostNetwork"], object.GetName())
			require.Equal(t, "ClusterFirstWithHostNet", pod["dnsPolicy"])
			strategy, _, err := unstructured.NestedMap(object.Object, "spec", "strategy")
			require.NoError(t, err)
			require.Equal(t, map[string]any{"type": "Recreate"}, strategy, "two pods can't have the same ports")
			for _, container := range containersOf(pod) {
				for _, port := range container["ports"].([]any) {
					number := port.(map[string]any)["containerPort"]
					require.Empty(t, taken[number], "%v of %s", number, object.GetName())
					taken[number] = object.GetName()
				}
			}
		}
		for _, controller := range []string{"sourceController", "helmController"} {
			env, _ := lookup(flux.Values, []string{controller, "extraEnv"})
			require.Equal(t, []any{
				map[string]any{"name": "KUBERNETES_SERVICE_HOST", "value": "localhost"},
				map[string]any{"name": "KUBERNETES_SERVICE_PORT", "value": "7445"},
			}, env, "KubePrism")
		}
		require.True(t, isPrivileged(plan, flux.Namespace))
	}
}

func indexOf(packages []Package, name string) int {
	for i, p := range packages {
		if p.Name == name {
			return i
		}
	}
	return -1
}
