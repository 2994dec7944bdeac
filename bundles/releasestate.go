// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// start says from when on a HelmRelease's status counts.
type start struct {
	generation int64  // it has since this run applied it
	request    string // to try again, which Flux must have taken; empty: there was none
}

// isTaken says whether Flux has taken up the request to try again, or a later one by somebody else.
func (s start) isTaken(release *helmv2.HelmRelease) bool {
	latest, handled := release.Annotations[meta.ReconcileRequestAnnotation], release.Status.LastHandledReconcileAt
	return s.request == "" || handled == s.request || (latest != "" && latest != s.request && handled == latest)
}

// stateOf reads a HelmRelease. What it says of a time before begun counts for nothing.
func stateOf(release *helmv2.HelmRelease, begun start) (State, string) {
	if release == nil || release.Generation < begun.generation || !begun.isTaken(release) {
		return StateInstalling, ""
	}
	if release.DeletionTimestamp != nil {
		return StateRemoving, removalMessage(release)
	}
	if release.Spec.Suspend {
		return StateStalled, "the HelmRelease is suspended"
	}
	current := func(kind string) *metav1.Condition {
		c := apimeta.FindStatusCondition(release.Status.Conditions, kind)
		if c == nil || c.ObservedGeneration != release.Generation {
			return &metav1.Condition{Status: metav1.ConditionUnknown}
		}
		return c
	}
	if stalled := current(meta.StalledCondition); stalled.Status == metav1.ConditionTrue {
		return StateStalled, stalled.Message
	}
	ready := current(meta.ReadyCondition)
	switch {
	case ready.Status == metav1.ConditionTrue && !hasChart(release):
		return StateInstalling, fmt.Sprintf("Flux has chart %s and still waits for %s to be served",
			release.Status.LastAttemptedRevision, release.Spec.Chart.Spec.Version)
	case ready.Status == metav1.ConditionTrue && release.Status.ObservedGeneration == release.Generation:
		return StateReady, ready.Message
	case ready.Status == metav1.ConditionFalse && isFailure(ready.Reason):
		// Between two attempts Ready only says when the next one is; what went wrong stands in Released.
		message := ready.Message
		if released := current(helmv2.ReleasedCondition); released.Status == metav1.ConditionFalse {
			message = released.Message
		}
		// Flux tries again, but nothing changes before a person has decided.
		if object, owner, ok := refusedObject(message, release.GetReleaseName(), release.GetReleaseNamespace()); ok {
			return StateStalled, occupied(object, owner)
		}
		return StateFailed, message
	}
	return StateInstalling, ready.Message
}

// hasChart reports whether the chart of the last attempt is the one that is asked for. Flux matches versions without what
// follows the plus: as long as it knows only the last index of our charts, it takes the chart of before for the new one.
func hasChart(release *helmv2.HelmRelease) bool {
	if release.Spec.Chart == nil {
		return true
	}
	_, mark, marked := strings.Cut(release.Spec.Chart.Spec.Version, "+")
	return !marked || strings.HasSuffix(release.Status.LastAttemptedRevision, "+"+mark)
}

// isFailure tells reasons of a failed attempt from those of one that could not begin yet: the chart is still being
// fetched, or another HelmRelease is not ready.
func isFailure(reason string) bool {
	return !slices.Contains([]string{
		meta.ProgressingReason, meta.ProgressingWithRetryReason, meta.DependencyNotReadyReason, sourceNotReady,
	}, reason)
}
