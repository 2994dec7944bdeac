// SPDX-License-Identifier: Apache-2.0

package operatorsim

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is one kind of objects that an operator works on, and how it says how far it is.
type Kind struct {
	Name     string
	Resource schema.GroupVersionResource
	// Ready is what is said of an object as it was in a generation. Nil: nothing ever is.
	Ready   func(generation int64) map[string]any
	Unready func(why string) map[string]any
	// Failed is what an operator says that gives up. Nil: as Unready.
	Failed func(generation int64, why string) map[string]any
}

// tells whether what is said of an object tells of which generation it is.
func (k Kind) tells() bool { return !reflect.DeepEqual(k.Ready(0), k.Ready(1)) }

// Kinds are those behind the services of tenants, with the statuses that the operators' own programs write. What runs in pods, and
// says so itself, is not among them: a plane plays that.
func Kinds() []Kind {
	at := func(group, version, resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
	}
	const metrics = "operator.victoriametrics.com"
	return []Kind{
		{
			Name: "EtcdCluster", Resource: at("etcd-operator.cozystack.io", "v1alpha2", "etcdclusters"),
			Ready: func(generation int64) map[string]any {
				// Each condition says of which generation it is.
				available := conditions("Available", "True", "it runs")
				available[0].(map[string]any)["observedGeneration"] = generation //nolint:forcetypeassert // made above

				return map[string]any{"conditions": available}
			},
			Unready: func(why string) map[string]any {
				return map[string]any{"conditions": conditions("Available", "False", why)}
			},
		},
		{
			Name: "DataStore", Resource: at("kamaji.clastix.io", "v1alpha1", "datastores"),
			Ready:   func(int64) map[string]any { return map[string]any{"ready": true} },
			Unready: func(string) map[string]any { return map[string]any{"ready": false} },
		},
		ofVictoriaMetrics("VMCluster", at(metrics, "v1beta1", "vmclusters")),
		ofVictoriaMetrics("VMAgent", at(metrics, "v1beta1", "vmagents")),
		ofVictoriaMetrics("VMAlert", at(metrics, "v1beta1", "vmalerts")),
		ofVictoriaMetrics("VMAlertmanager", at(metrics, "v1beta1", "vmalertmanagers")),
		ofVictoriaMetrics("VLCluster", at(metrics, "v1", "vlclusters")),
		{
			Name: "Grafana", Resource: at("grafana.integreatly.org", "v1beta1", "grafanas"),
			Ready:   func(int64) map[string]any { return map[string]any{"stage": "complete", "stageStatus": "success"} },
			Unready: func(why string) map[string]any { return map[string]any{"stageStatus": "failed", "lastMessage": why} },
		},
		{
			// Instances are counted, and no condition says of which generation it is: all that may be asked for are ready.
			Name: "Cluster", Resource: at("postgresql.cnpg.io", "v1", "clusters"),
			Ready: func(int64) map[string]any {
				return map[string]any{
					"phase": "Cluster in healthy state", "readyInstances": int64(9), "conditions": conditions("Ready", "True", "it runs"),
				}
			},
			Unready: func(why string) map[string]any {
				return map[string]any{"phase": "Setting up primary", "conditions": conditions("Ready", "False", why)}
			},
			Failed: func(_ int64, why string) map[string]any {
				return map[string]any{"phase": "Cluster is unrecoverable and needs manual intervention", "conditions": conditions("Ready", "False", why)}
			},
		},
		{
			Name: certificate, Resource: at("cert-manager.io", "v1", "certificates"),
			Ready: func(int64) map[string]any {
				return map[string]any{"conditions": conditions("Ready", "True", "it is signed")}
			},
			Unready: func(why string) map[string]any {
				return map[string]any{"conditions": conditions("Ready", "False", why)}
			},
		},
		{
			Name: service, Resource: at("", "v1", "services"),
			Unready: func(string) map[string]any { return map[string]any{} },
		},
	}
}

// Kinds of which an operator does more than to say how far it is.
const (
	certificate = "Certificate"
	service     = "Service"
)

func ofVictoriaMetrics(name string, resource schema.GroupVersionResource) Kind {
	return Kind{
		Name: name, Resource: resource,
		Ready: func(generation int64) map[string]any {
			return map[string]any{"updateStatus": "operational", "observedGeneration": generation, "reason": ""}
		},
		Unready: func(why string) map[string]any { return map[string]any{"updateStatus": "expanding", "reason": why} },
		Failed: func(generation int64, why string) map[string]any {
			return map[string]any{"updateStatus": "failed", "observedGeneration": generation, "reason": why}
		},
	}
}

func conditions(kind, status, why string) []any {
	return []any{map[string]any{
		"type": kind, "status": status, "reason": "Simulated", "message": why, "lastTransitionTime": "2026-01-01T00:00:00Z",
	}}
}
