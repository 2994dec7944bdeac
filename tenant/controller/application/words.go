// SPDX-License-Identifier: Apache-2.0

package application

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// maxMessage bounds what others' messages add to a status, in bytes.
const maxMessage = 1024

// whatItSays is why an object is not ready, in the words of whoever works on it: the message of its condition Ready or Available that
// is not true, else what operators without conditions write into the status itself. Words about an older spec don't count. Empty: it
// says nothing.
func whatItSays(object *unstructured.Unstructured) string {
	// What does not tell of which spec it speaks is of the present one.
	isPresent := func(observed int64) bool { return observed == 0 || observed == object.GetGeneration() }

	for _, kind := range []string{"Ready", "Available"} {
		said := watch.Condition(object, kind)
		if said != nil && said.Status != metav1.ConditionTrue && said.Message != "" && isPresent(said.ObservedGeneration) {
			return application.Clip(said.Message, maxMessage)
		}
	}

	status, _, _ := unstructured.NestedMap(object.Object, "status")
	observed, _ := status["observedGeneration"].(int64)

	for _, field := range []string{"message", "reason", "lastMessage"} {
		if message, _ := status[field].(string); message != "" && isPresent(observed) {
			return application.Clip(message, maxMessage)
		}
	}

	return ""
}
