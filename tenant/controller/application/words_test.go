// SPDX-License-Identifier: Apache-2.0

package application

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestOperatorsAreQuotedWhereverTheySayIt(t *testing.T) {
	condition := func(kind, status string, generation int64) map[string]any {
		one := map[string]any{"type": kind, "status": status, "message": "no room"}
		if generation > 0 {
			one["observedGeneration"] = generation
		}

		return map[string]any{"conditions": []any{map[string]any{"type": "Other", "status": "False", "message": "never mind"}, one}}
	}

	for _, c := range []struct {
		name, want string
		status     map[string]any
	}{
		{"nothing", "", nil},
		{"Ready", "no room", condition("Ready", "False", 0)},
		{"Ready is true", "", condition("Ready", "True", 0)},
		{"Available, as etcd-operator and Kubernetes", "no room", condition("Available", "False", 2)},
		{"Available of an older spec", "", condition("Available", "False", 1)},
		{"a reason, as the operator of VictoriaMetrics", "no disk", map[string]any{"updateStatus": "failed", "reason": "no disk"}},
		{"a reason of an older spec", "", map[string]any{"updateStatus": "failed", "observedGeneration": int64(1), "reason": "no disk"}},
		{"the last message, as grafana-operator", "no host", map[string]any{"stageStatus": "failed", "lastMessage": "no host"}},
		{"a message, as CloudNativePG of databases", "no role", map[string]any{"applied": false, "message": "no role"}},
		{"not text", "", map[string]any{"message": int64(1), "conditions": "x"}},
	} {
		object := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"generation": int64(2)}}}
		if c.status != nil {
			object.Object["status"] = c.status
		}

		require.Equal(t, c.want, whatItSays(object), c.name)
	}
}
