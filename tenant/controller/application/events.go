// SPDX-License-Identifier: Apache-2.0

package application

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// maxNote bounds the text of an event, in bytes: events.k8s.io/v1 takes 1 KiB, and three are for what stands for the rest.
const maxNote = 1021

// tell puts an event on an application where it became ready, or something else keeps it from that than before, and where its
// tenant left a service that keeps its data. That work goes on is no event, nor is a status that says what it said before.
func (w *world) tell(object runtime.Object, before, after []metav1.Condition) {
	moved, stays := find(before, application.ConditionServiceMoved), find(after, application.ConditionServiceMoved)
	if stays.Message != "" && stays.Message != moved.Message {
		w.event(object, corev1.EventTypeNormal, stays.Reason, "Resolve", stays.Message)
	}

	was, is := find(before, application.ConditionReady), find(after, application.ConditionReady)

	switch {
	case was.Status == is.Status && was.Reason == is.Reason, is.Reason == application.ReasonProgressing, is.Reason == application.ReasonNotJudged:
	case is.Status == metav1.ConditionTrue:
		w.event(object, corev1.EventTypeNormal, is.Reason, "Release", "the application can be used")
	case is.Reason == application.ReasonDeleting:
		w.event(object, corev1.EventTypeNormal, is.Reason, "Delete", is.Message)
	case is.Reason == application.ReasonWaitingForService, is.Reason == application.ReasonSuspended:
		w.event(object, corev1.EventTypeNormal, is.Reason, "Release", is.Message)
	case is.Reason == ReasonDeletionOverdue:
		w.event(object, corev1.EventTypeWarning, is.Reason, "Delete", is.Message)
	default:
		w.event(object, corev1.EventTypeWarning, is.Reason, "Release", is.Message)
	}
}

// tellPublished puts an event on a definition where its kind was published, or something else keeps it from that than before.
func (w *world) tellPublished(object runtime.Object, before, after []metav1.Condition) {
	was, is := find(before, definition.ConditionPublished), find(after, definition.ConditionPublished)

	switch {
	case was.Status == is.Status && was.Reason == is.Reason, is.Reason == ReasonNotEstablished:
	case is.Status == metav1.ConditionTrue:
		w.event(object, corev1.EventTypeNormal, is.Reason, "Publish", "objects of the kind can be made")
	default:
		w.event(object, corev1.EventTypeWarning, is.Reason, "Publish", is.Message)
	}
}

func (w *world) event(object runtime.Object, kind, reason, action, note string) {
	if w.events != nil {
		w.events.Eventf(object, nil, kind, reason, action, "%s", application.Clip(note, maxNote))
	}
}

// find is the condition of a type; zero if there is none.
func find(conditions []metav1.Condition, kind string) metav1.Condition {
	if found := meta.FindStatusCondition(conditions, kind); found != nil {
		return *found
	}

	return metav1.Condition{}
}
