// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// podsOf are where a kind says what its pods are like: where their affinity stands beside. None: no pods come of it.
func podsOf(kind string) []string {
	switch kind {
	case "Deployment", "Job", "Pooler", "StatefulSet":
		return []string{"spec.template.spec"}
	case "EtcdCluster", "VMAgent", "VMAlert", "VMAlertmanager":
		return []string{"spec"}
	case "VMCluster":
		return []string{"spec.vminsert", "spec.vmselect", "spec.vmstorage"}
	case "VLCluster":
		return []string{"spec.vlinsert", "spec.vlselect", "spec.vlstorage"}
	case "Grafana":
		return []string{"spec.deployment.spec.template.spec"}
	case "KamajiControlPlane":
		return []string{"spec.deployment"}
	case "KubevirtMachineTemplate":
		return []string{"spec.template.spec.virtualMachineTemplate.spec.template.spec"}
	}
	return nil
}

// podless are the kinds of which no pods come, or only those of another object that has a place.
func podless() []string {
	return []string{
		"Certificate", "ClusterResourceSet", "ClusterRoleBinding", "ConfigMap", "DataStore", "Database", "GrafanaDatasource", "Ingress",
		"IngressClass", "Issuer", "KubeadmConfigTemplate", "KubevirtCluster", "MachineDeployment", "MachineHealthCheck", "ObjectStore",
		"PodDisruptionBudget", "Role", "RoleBinding", "ScheduledBackup", "Secret", "Service", "ServiceAccount", "VMPodScrape",
	}
}

// TestPodsOfATenantRunOnNodesOfItsSchedulingClass, whoever makes them.
func TestPodsOfATenantRunOnNodesOfItsSchedulingClass(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range applicationRenderings() {
		tenant, isOrdered := r.values["_tenant"].(map[string]any)
		if !isOrdered {
			continue
		}
		tenant["schedulingClass"] = "gold"
		for _, object := range objects(t, render(t, r)) {
			kind := object["kind"].(string)
			seen[kind] = true
			pods := podsOf(kind)
			if kind == "Cluster" && strings.HasPrefix(object["apiVersion"].(string), "postgresql.cnpg.io/") { // Cluster API has one too
				pods = []string{"spec"}
			} else if kind != "Cluster" {
				require.Equal(t, len(pods) == 0, slices.Contains(podless(), kind), "%s: say what becomes of a %s", r.name, kind)
			}
			for _, path := range pods {
				at := at(object, append(strings.Split(path, "."), "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")...)
				require.Equal(t, []any{map[string]any{"matchExpressions": []any{map[string]any{
					"key": "scheduler.cozystack.io/scheduling-class", "operator": "In", "values": []any{"gold"},
				}}}}, at, "%s: %s: %s", r.name, kind, path)
			}
		}
	}
	require.True(t, seen["KubevirtMachineTemplate"] && seen["EtcdCluster"] && seen["Pooler"] && seen["VLCluster"])
}
