// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// maxWords bounds what an object's own words add to the status of a tenant, in bytes.
const maxWords = 512

// serviceState is what the object of a service says of itself.
type serviceState struct {
	isReady bool
	// message says why not.
	message string
}

// stateOf reads the condition Ready of an application. One that speaks of an older spec is not ready: nobody has looked at the
// newer one.
func stateOf(object *unstructured.Unstructured) serviceState {
	ready := watch.Condition(object, v1alpha1.ConditionReady)

	switch {
	case !object.GetDeletionTimestamp().IsZero():
		return serviceState{message: "it is being removed"}
	case ready == nil:
		return serviceState{message: "nothing is known of it yet"}
	case ready.ObservedGeneration != object.GetGeneration():
		return serviceState{message: "its last change was not acted on yet"}
	case ready.Status != metav1.ConditionTrue:
		return serviceState{message: application.Clip(cmp.Or(ready.Message, ready.Reason, "it does not say why"), maxWords)}
	}

	return serviceState{isReady: true}
}

// publicationOf is what a definition says of publishing the kind that runs a service. Empty: it is not of that service, or says
// nothing; it may be nil.
func publicationOf(object *unstructured.Unstructured, service tenant.Service) string {
	if object == nil {
		return ""
	}

	if of, _, err := unstructured.NestedString(object.Object, "spec", "service"); err != nil || of != service.String() {
		return ""
	}

	said := "ApplicationDefinition " + object.GetName() + " has not been looked at yet"
	if published := watch.Condition(object, definition.ConditionPublished); published != nil {
		said = application.Clip(cmp.Or(published.Message, published.Reason), maxWords)
	}

	return said
}

// whyNotPublished says what keeps a service's kind from being served.
func (r *reconciler) whyNotPublished(ctx context.Context, service tenant.Service) (string, error) {
	said := "no ApplicationDefinition is of it; install the package tenant-applications"

	if r.kinds.serves(definitionKind()) {
		list := watch.List(definitionKind())
		if err := r.applications.List(ctx, list); err != nil {
			return "", fmt.Errorf("list definitions of applications: %w", err)
		}

		for i := range list.Items {
			if found := publicationOf(&list.Items[i], service); found != "" {
				said = found
			}
		}
	}

	return fmt.Sprintf("%s can't run, as kind %s is not there: %s", service, service.Kind(), said), nil
}

// ownWords is what an object says that is being removed, to follow a clause.
func ownWords(object *unstructured.Unstructured) string {
	ready := watch.Condition(object, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue || ready.Message == "" || object.GetDeletionTimestamp().IsZero() {
		return ""
	}

	return " (" + application.Clip(ready.Message, maxWords) + ")"
}
