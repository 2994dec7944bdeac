// SPDX-License-Identifier: Apache-2.0

package application

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// flux is what is read of a HelmRelease: of its status as of helm-controller 1.4.
type flux struct {
	Spec struct {
		Suspend bool `json:"suspend"`
		Chart   struct {
			Spec struct {
				Chart   string `json:"chart"`
				Version string `json:"version"`
			} `json:"spec"`
		} `json:"chart"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration    int64              `json:"observedGeneration"`
		LastAttemptedRevision string             `json:"lastAttemptedRevision"`
		Conditions            []metav1.Condition `json:"conditions"`
		// History is of the revisions that are kept, the newest first.
		History []struct {
			ChartVersion string `json:"chartVersion"`
			Status       string `json:"status"`
		} `json:"history"`
	} `json:"status"`
}

func readFlux(release *unstructured.Unstructured) (flux, error) {
	var out flux
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(release.Object, &out); err != nil {
		return flux{}, fmt.Errorf("read HelmRelease %s/%s: %w", release.GetNamespace(), release.GetName(), err)
	}

	return out, nil
}

// runningVersion is the chart's version of the last attempt that came through. Empty: none did.
func runningVersion(release *unstructured.Unstructured) string {
	read, err := readFlux(release)
	if err != nil {
		return ""
	}

	for _, revision := range read.Status.History {
		if revision.Status == "deployed" || revision.Status == "superseded" {
			return revision.ChartVersion
		}
	}

	return ""
}

// released says in the application's words how far its HelmRelease is.
func (o Object) released() said {
	no := func(reason, message string, args ...any) said {
		return said{kind: ConditionReleased, state: metav1.ConditionFalse, reason: reason, message: fmt.Sprintf(message, args...)}
	}

	wanted, err := o.MakeRelease()
	if err != nil {
		reason := ReasonRefused
		if taken := (*takenError)(nil); errors.As(err, &taken) {
			reason = ReasonReleaseTaken
		}

		return no(reason, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}

	if o.Release == nil {
		return no(ReasonProgressing, "the application is not released yet")
	}

	read, err := readFlux(o.Release)
	if err != nil {
		return no(ReasonFailed, "%v", err)
	}

	return o.judge(read, hasValues(o.Release, wanted))
}

// hasValues says whether what the user asks for has reached the HelmRelease.
func hasValues(release, wanted *unstructured.Unstructured) bool {
	has, _, _ := unstructured.NestedFieldNoCopy(release.Object, "spec", "values")
	wants, _, _ := unstructured.NestedFieldNoCopy(wanted.Object, "spec", "values")

	return reflect.DeepEqual(has, wants)
}

// judge reads what Flux says. What it said of another generation counts for nothing.
func (o Object) judge(read flux, hasValues bool) said {
	say := func(state metav1.ConditionStatus, reason, message string, args ...any) said {
		return said{kind: ConditionReleased, state: state, reason: reason, message: fmt.Sprintf(message, args...)}
	}

	generation, version := o.Release.GetGeneration(), o.chartVersion()
	current := func(kind string) metav1.Condition {
		found := meta.FindStatusCondition(read.Status.Conditions, kind)
		if found == nil || found.ObservedGeneration != generation {
			return metav1.Condition{Status: metav1.ConditionUnknown}
		}

		return *found
	}

	ready, attempt := current("Ready"), current("Released")

	switch {
	case o.Release.GetDeletionTimestamp() != nil:
		return say(metav1.ConditionFalse, ReasonDeleting, "the release is being removed: %s", plain(ready.Message))
	case read.Spec.Suspend:
		return say(metav1.ConditionFalse, ReasonSuspended, "the HelmRelease is suspended: changes have no effect")
	case read.Spec.Chart.Spec.Version != version:
		return say(metav1.ConditionFalse, ReasonProgressing, "version %s of the chart is to be released", version)
	case !hasValues:
		return say(metav1.ConditionFalse, ReasonProgressing, "a change is to be released")
	case current("Stalled").Status == metav1.ConditionTrue:
		return say(metav1.ConditionFalse, ReasonFailed, "%s", plain(current("Stalled").Message))
	case ready.Status == metav1.ConditionTrue && read.Status.ObservedGeneration == generation:
		// Flux matches versions without what follows the plus: it may still have the chart of before.
		if _, mark, isMarked := strings.Cut(version, "+"); isMarked && !strings.HasSuffix(read.Status.LastAttemptedRevision, "+"+mark) {
			return say(metav1.ConditionFalse, ReasonProgressing, "version %s of the chart is to be released", version)
		}

		return say(metav1.ConditionTrue, ConditionReleased, "")
	case ready.Status == metav1.ConditionFalse:
		return failure(say, ready, attempt)
	}

	return say(metav1.ConditionFalse, ReasonProgressing, "the release is being made: %s", plain(ready.Message))
}

// failure tells an attempt that failed from one that could not begin. Between two attempts Ready only says when the next one
// is; what went wrong stands in Released.
func failure(say func(metav1.ConditionStatus, string, string, ...any) said, ready, attempt metav1.Condition) said {
	message := ready.Message
	if attempt.Status == metav1.ConditionFalse {
		message = attempt.Message
	}

	switch ready.Reason {
	case "ArtifactFailed", "SourceNotReady":
		return say(metav1.ConditionFalse, ReasonChartMissing, "the chart can't be had: %s", plain(ready.Message))
	case "Progressing", "ProgressingWithRetry", "DependencyNotReady":
		if attempt.Status != metav1.ConditionFalse {
			return say(metav1.ConditionFalse, ReasonProgressing, "the release is being made: %s", plain(message))
		}
	}

	switch {
	case ready.Reason == "InstallFailed" || attempt.Reason == "InstallFailed":
		return say(metav1.ConditionFalse, ReasonInstallFailed, "the application could not be installed: %s", plain(message))
	case ready.Reason == "UpgradeFailed" || attempt.Reason == "UpgradeFailed":
		return say(metav1.ConditionFalse, ReasonUpgradeFailed, "the application could not be changed: %s", plain(message))
	}

	return say(metav1.ConditionFalse, ReasonFailed, "%s", plain(message))
}

// plain takes Helm's own words off the front of its message, and leaves one line.
//
//	Helm install failed for release tenant-a/db with chart postgres@1.0.0: timed out -> timed out
func plain(message string) string {
	if rest, isHelms := strings.CutPrefix(message, "Helm "); isHelms {
		if _, cause, isThere := strings.Cut(rest, ": "); isThere && strings.Contains(rest, " failed for release ") {
			message = cause
		}
	}

	if message == "" {
		return "nothing more is known"
	}

	return strings.Join(strings.Fields(message), " ")
}
