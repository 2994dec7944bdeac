// SPDX-License-Identifier: Apache-2.0

package watch

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Condition is the condition of a type in an object's status, but for its times, which operators write in ways of their own. A field that
// is not there, or is no text, is empty. Nil: it has none.
func Condition(object *unstructured.Unstructured, of string) *metav1.Condition {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")

	for _, raw := range conditions {
		fields, _ := raw.(map[string]any)
		if fields["type"] != of {
			continue
		}

		text := func(key string) string {
			value, _ := fields[key].(string)

			return value
		}
		observed, _ := fields["observedGeneration"].(int64)

		return &metav1.Condition{
			Type: of, Status: metav1.ConditionStatus(text("status")), Reason: text("reason"), Message: text("message"), ObservedGeneration: observed,
		}
	}

	return nil
}
