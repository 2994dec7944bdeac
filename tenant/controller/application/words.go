// SPDX-License-Identifier: Apache-2.0

package application

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/tenant/application"
)

// maxMessage bounds what others' messages add to a status, in bytes.
const maxMessage = 1024

// whatItSays is why an object is not ready, in the words of whoever works on it: the message of its condition Ready or Available that
// is not true, else what operators without conditions write into the status itself. Words about an older spec don't count. Empty: it
// says nothing.
func whatItSays(object *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, raw := range conditions {
		condition, isMap := raw.(map[string]any)
		if !isMap || (condition["type"] != "Ready" && condition["type"] != "Available") || condition["status"] == string(metav1.ConditionTrue) {
			continue
		}

		if message, _ := condition["message"].(string); message != "" && speaksOf(object, condition) {
			return application.Clip(message, maxMessage)
		}
	}

	status, _, _ := unstructured.NestedMap(object.Object, "status")
	for _, field := range []string{"message", "reason", "lastMessage"} {
		if message, _ := status[field].(string); message != "" && speaksOf(object, status) {
			return application.Clip(message, maxMessage)
		}
	}

	return ""
}

// speaksOf says whether a status or a condition is about the present spec. One that does not tell is.
func speaksOf(object *unstructured.Unstructured, said map[string]any) bool {
	observed, tells := said["observedGeneration"].(int64)

	return !tells || observed == object.GetGeneration()
}
