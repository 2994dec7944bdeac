// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// kubernetesWithAll asks for everything that the chart has.
func kubernetesWithAll() map[string]any {
	return ordered("kubernetes", map[string]any{
		"version":      "1.33",
		"controlPlane": map[string]any{"replicas": 3, "apiServer": map[string]any{"cpu": "2", "memory": "4Gi"}},
		"nodeGroups": []any{
			map[string]any{"name": "web", "minReplicas": 2, "maxReplicas": 2, "instanceType": "large", "roles": []any{"web"}},
			map[string]any{
				"name": "gpu", "minReplicas": 1, "maxReplicas": 4, "diskSize": "100Gi", "storageClass": "replicated",
				"resources": map[string]any{"cpus": 8, "memory": "32Gi"}, "gpus": []any{map[string]any{"name": "nvidia.com/TU104GL_Tesla_T4"}},
			},
		},
		"storageClasses": []any{"replicated", "local"},
		"network":        map[string]any{"pods": "10.10.0.0/16", "services": "10.11.0.0/16"},
	})
}

// named finds an object of a rendering.
func named(t *testing.T, manifest, kind, name string) map[string]any {
	t.Helper()
	for _, object := range objects(t, manifest) {
		if object["kind"] == kind && object["metadata"].(map[string]any)["name"] == name {
			return object
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

func at(object map[string]any, path ...string) any {
	var value any = object
	for _, key := range path {
		inner, _ := value.(map[string]any)
		value = inner[key]
	}
	return value
}

func TestKubernetesIsKeptAndReachedThroughTheTenantsServices(t *testing.T) {
	values := ordered("kubernetes", nil)
	services := values["_tenant"].(map[string]any)["services"].(map[string]any)
	services["etcd"], services["ingress"] = "tenant-one", "tenant-two"
	manifest := render(t, rendering{"", "kubernetes", "tenant-alpha", values})
	plane := named(t, manifest, "KamajiControlPlane", "kubernetes")
	require.Equal(t, "tenant-one", at(plane, "spec", "dataStoreName"))
	require.Equal(t, "tenant-two", at(plane, "spec", "network", "ingress", "className"))
	require.Equal(t, "kubernetes.alpha.example.org:443", at(plane, "spec", "network", "ingress", "hostname"))
	require.Equal(t, "true", at(plane, "spec", "deployment", "podAdditionalMetadata", "labels", "policy.cozystack.io/allow-to-etcd"))
}

// TestNodesAreReplacedWhenTheirGroupChanges and only then: Cluster API goes by the name of the template.
func TestNodesAreReplacedWhenTheirGroupChanges(t *testing.T) {
	machine := func(change func(values map[string]any)) string {
		values := kubernetesWithAll()
		change(values)
		deployment := named(t, render(t, rendering{"", "kubernetes", "tenant-alpha", values}), "MachineDeployment", "kubernetes-web")
		return at(deployment, "spec", "template", "spec", "infrastructureRef", "name").(string)
	}
	group := func(values map[string]any, i int) map[string]any {
		return values["nodeGroups"].([]any)[i].(map[string]any)
	}
	before := machine(func(map[string]any) {})
	require.Equal(t, before, machine(func(values map[string]any) { group(values, 0)["maxReplicas"] = 9 }))
	require.Equal(t, before, machine(func(values map[string]any) { group(values, 1)["diskSize"] = "200Gi" }))
	require.NotEqual(t, before, machine(func(values map[string]any) { group(values, 0)["instanceType"] = "xlarge" }))
	require.NotEqual(t, before, machine(func(values map[string]any) { values["version"] = "1.34" }))
}

func TestGroupsOfOneSizeFollowIt(t *testing.T) {
	for _, test := range []struct {
		least, most         int
		replicas, unhealthy any
	}{
		{1, 1, float64(1), "100%"},
		{2, 2, float64(2), "100%"},
		{3, 3, float64(3), "40%"},
		{1, 2, nil, "100%"},
		{1, 3, nil, float64(2)},
		{2, 10, nil, float64(4)},
		{3, 10, nil, "40%"},
	} {
		values := ordered("kubernetes", map[string]any{"nodeGroups": []any{
			map[string]any{"name": "a", "minReplicas": test.least, "maxReplicas": test.most, "instanceType": "small"},
		}})
		manifest := render(t, rendering{"", "kubernetes", "tenant-alpha", values})
		require.Equal(t, test.replicas, at(named(t, manifest, "MachineDeployment", "kubernetes-a"), "spec", "replicas"), test)
		require.Equal(t, test.unhealthy, at(named(t, manifest, "MachineHealthCheck", "kubernetes-a"), "spec", "maxUnhealthy"), test)
	}
}

func TestGroupsMayBeEmptyWhereTheAutoscalerIsToldWhatANodeHas(t *testing.T) {
	size := map[string]any{"cpus": 4, "memory": "8Gi"}
	r := func(of map[string]any) rendering {
		of["name"], of["minReplicas"], of["maxReplicas"] = "a", 0, 4
		return rendering{"", "kubernetes", "tenant-alpha", ordered("kubernetes", map[string]any{"nodeGroups": []any{of}})}
	}
	for _, unknown := range []map[string]any{
		{"instanceType": "small"}, {"resources": size, "gpus": []any{map[string]any{"name": "nvidia.com/TU104GL_Tesla_T4"}}},
	} {
		_, err := tryRender(t, r(unknown))
		require.ErrorContains(t, err, "nodeGroups[0].minReplicas: 0")
	}
	group := named(t, render(t, r(map[string]any{"resources": size, "roles": []any{"web", "batch"}})), "MachineDeployment", "kubernetes-a")
	require.Nil(t, at(group, "spec", "replicas"))
	annotations := at(group, "metadata", "annotations").(map[string]any)
	for key, want := range map[string]string{
		"capacity.cluster-autoscaler.kubernetes.io/cpu": "4", "capacity.cluster-autoscaler.kubernetes.io/memory": "8Gi",
		"capacity.cluster-autoscaler.kubernetes.io/ephemeral-disk":    "20Gi",
		"capacity.cluster-autoscaler.kubernetes.io/labels":            "node-role.kubernetes.io/web=,node-role.kubernetes.io/batch=",
		"cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size": "0",
	} {
		require.Equal(t, want, annotations[key], key)
	}
}

func TestKubernetesIsScrapedOnlyWhereThereIsAMonitoring(t *testing.T) {
	monitored := rendering{"kubernetes-all", "kubernetes", "tenant-alpha", kubernetesWithAll()}
	require.Contains(t, render(t, monitored), "kind: VMPodScrape\n")

	without := kubernetesWithAll()
	without["_tenant"].(map[string]any)["services"].(map[string]any)["monitoring"] = ""
	for title, r := range map[string]rendering{
		"no monitoring": {"kubernetes-all", "kubernetes", "tenant-alpha", without},
		"no operator":   {"kubernetes", "kubernetes", "tenant-alpha", kubernetesWithAll()},
	} {
		require.NotRegexp(t, "kind: VMPodScrape\n|addons-kubernetes-monitoring", render(t, r), title)
	}
}

func TestKubernetesTellsAllThatIsWrongAtOnce(t *testing.T) {
	values := ordered("kubernetes", map[string]any{"nodeGroups": []any{
		map[string]any{"name": "a", "minReplicas": 3, "maxReplicas": 1, "instanceType": "small", "resources": map[string]any{"cpus": 1, "memory": "1Gi"}},
		map[string]any{"name": "a", "minReplicas": 1, "maxReplicas": 1},
	}})
	services := values["_tenant"].(map[string]any)["services"].(map[string]any)
	services["etcd"], services["ingress"] = "", ""
	_, err := tryRender(t, rendering{"", "kubernetes", "tenant-alpha", values})
	for _, want := range []string{
		"services.etcd", "services.ingress", "nodeGroups[0].minReplicas: 3", "nodeGroups[0]: instanceType or resources", `nodeGroups[1].name: "a"`,
		"nodeGroups[1]: instanceType or resources",
	} {
		require.ErrorContains(t, err, want)
	}
}
