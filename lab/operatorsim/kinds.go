// SPDX-License-Identifier: Apache-2.0

package operatorsim

import "k8s.io/apimachinery/pkg/runtime/schema"

// Kind is one kind of objects that an operator works on, and how it says how far it is.
type Kind struct {
	Name     string
	Resource schema.GroupVersionResource
	Ready    func(generation int64) map[string]any
	Unready  func(why string) map[string]any
}

// Kinds are those behind the services of tenants, with the statuses that the operators' own programs write.
func Kinds() []Kind {
	at := func(group, version, resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
	}
	available := func(name string, resource schema.GroupVersionResource) Kind {
		return Kind{
			Name: name, Resource: resource,
			Ready: func(generation int64) map[string]any {
				return map[string]any{"observedGeneration": generation, "conditions": conditions("True", "it runs")}
			},
			Unready: func(why string) map[string]any { return map[string]any{"conditions": conditions("False", why)} },
		}
	}
	return []Kind{
		available("EtcdCluster", at("etcd-operator.cozystack.io", "v1alpha2", "etcdclusters")),
		available("Deployment", at("apps", "v1", "deployments")),
		{
			Name: "DataStore", Resource: at("kamaji.clastix.io", "v1alpha1", "datastores"),
			Ready:   func(int64) map[string]any { return map[string]any{"ready": true} },
			Unready: func(string) map[string]any { return map[string]any{"ready": false} },
		},
		{
			Name: "VMCluster", Resource: at("operator.victoriametrics.com", "v1beta1", "vmclusters"),
			Ready:   func(int64) map[string]any { return map[string]any{"updateStatus": "operational"} },
			Unready: func(why string) map[string]any { return map[string]any{"updateStatus": "expanding", "reason": why} },
		},
		{
			Name: "Grafana", Resource: at("grafana.integreatly.org", "v1beta1", "grafanas"),
			Ready:   func(int64) map[string]any { return map[string]any{"stage": "complete", "stageStatus": "success"} },
			Unready: func(why string) map[string]any { return map[string]any{"stageStatus": "failed", "lastMessage": why} },
		},
		{
			Name: "Service", Resource: at("", "v1", "services"),
			Unready: func(string) map[string]any { return map[string]any{} },
		},
	}
}

func conditions(status, why string) []any {
	return []any{map[string]any{
		"type": "Available", "status": status, "reason": "Simulated", "message": why, "lastTransitionTime": "2026-01-01T00:00:00Z",
	}}
}
