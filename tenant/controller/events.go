// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// maxNote is how long an event's note may be (events.k8s.io/v1, Event.note).
const maxNote = 1024

// tell puts an event on a tenant for each thing that changed for those who use it: whether it is accepted, whether it is ready,
// whether it runs its services itself, and what its deletion waits for. A status that says what it said before makes none. Those
// below, who now resolve to another provider, say so in their status: a thousand events would tell the same thing, and the
// applications that use the service have one of their own (ServiceMoved).
func (r *reconciler) tell(t *v1alpha1.Tenant, before, after v1alpha1.TenantStatus) {
	if r.events == nil {
		return
	}

	accepted, wasAccepted := find(after, v1alpha1.ConditionAccepted), find(before, v1alpha1.ConditionAccepted)
	ready, wasReady := find(after, v1alpha1.ConditionReady), find(before, v1alpha1.ConditionReady)

	switch {
	case accepted.Status == metav1.ConditionFalse && accepted.Reason != wasAccepted.Reason:
		r.event(t, corev1.EventTypeWarning, accepted.Reason, "Accept", accepted.Message)
	case !t.DeletionTimestamp.IsZero() && ready.Reason != wasReady.Reason:
		r.event(t, corev1.EventTypeNormal, ready.Reason, "Delete", ready.Message)
	case ready.Status == metav1.ConditionTrue && wasReady.Status != metav1.ConditionTrue:
		r.event(t, corev1.EventTypeNormal, ready.Reason, "Bring", "the tenant can be used, in namespace "+after.Namespace)
	}

	if moves := movedServices(before.Services, after.Services, after.Namespace); moves != "" {
		r.event(t, corev1.EventTypeNormal, "ServicesChanged", "Resolve", moves)
	}
}

func (r *reconciler) event(t *v1alpha1.Tenant, kind, reason, action, note string) {
	if len(note) > maxNote {
		note = strings.ToValidUTF8(note[:maxNote], "")
	}

	r.events.Eventf(t, nil, kind, reason, action, "%s", note)
}

// find is the condition of a type; zero if there is none.
func find(status v1alpha1.TenantStatus, kind string) metav1.Condition {
	if found := meta.FindStatusCondition(status.Conditions, kind); found != nil {
		return *found
	}

	return metav1.Condition{}
}

// movedServices says which services came to the tenant with a namespace, or went from it. Where nothing was known of them yet, or is
// no more, nothing is said.
func movedServices(before, after *v1alpha1.TenantServices, own string) string {
	if before == nil || after == nil {
		return ""
	}

	var moves []string

	provided := maps.Collect(before.All())
	for service, now := range after.All() {
		if was := provided[service]; now.Namespace != was.Namespace && (now.Namespace == own || was.Namespace == own) {
			moves = append(moves, fmt.Sprintf("%s is of %s, and was of %s", service, orNobody(now.Namespace), orNobody(was.Namespace)))
		}
	}

	return strings.Join(moves, "; ")
}

func orNobody(namespace string) string {
	if namespace == "" {
		return "nobody"
	}

	return namespace
}
