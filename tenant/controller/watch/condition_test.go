// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestAConditionIsReadWhateverItsOperatorWrites(t *testing.T) {
	with := func(conditions any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": conditions}}}
	}

	for name, tc := range map[string]struct {
		object *unstructured.Unstructured
		want   *metav1.Condition
	}{
		"no status":     {&unstructured.Unstructured{Object: map[string]any{}}, nil},
		"no list":       {with("x"), nil},
		"no map":        {with([]any{"x", nil}), nil},
		"another":       {with([]any{map[string]any{"type": "Available", "status": "True"}}), nil},
		"bare":          {with([]any{map[string]any{"type": "Ready"}}), &metav1.Condition{Type: "Ready"}},
		"no text":       {with([]any{map[string]any{"type": "Ready", "status": true, "message": int64(1)}}), &metav1.Condition{Type: "Ready"}},
		"a time of now": {with([]any{map[string]any{"type": "Ready", "status": "True", "lastTransitionTime": "now"}}), &metav1.Condition{Type: "Ready", Status: "True"}},
		"the first": {
			with([]any{
				map[string]any{"type": "Ready", "status": "False", "reason": "R", "message": "m", "observedGeneration": int64(3)},
				map[string]any{"type": "Ready", "status": "True"},
			}),
			&metav1.Condition{Type: "Ready", Status: "False", Reason: "R", Message: "m", ObservedGeneration: 3},
		},
	} {
		require.Equal(t, tc.want, Condition(tc.object, "Ready"), name)
	}
}
