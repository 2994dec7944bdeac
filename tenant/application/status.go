// SPDX-License-Identifier: Apache-2.0

package application

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of an application.
const (
	// ConditionReady says whether the application can be used as its spec asks.
	ConditionReady = "Ready"
	// ConditionReleased says whether the chart's objects are as the spec asks. They may not work yet.
	ConditionReleased = "Released"
	// ConditionServicesReady says whether the cluster services that the application uses can be used. It is there for kinds that
	// use any.
	ConditionServicesReady = "ServicesReady"
	// ConditionServiceMoved is there, and true, while the application stays with a service that its tenant has left.
	ConditionServiceMoved = "ServiceMoved"
)

// Reasons that a condition of an application may have, beside the names of conditions. Scripts compare them.
const (
	ReasonWaitingForService = "WaitingForService"
	ReasonRefused           = "Refused"
	ReasonReleaseTaken      = "ReleaseTaken"
	ReasonDeleting          = "Deleting"
	ReasonProgressing       = "Progressing"
	ReasonInstallFailed     = "InstallFailed"
	ReasonUpgradeFailed     = "UpgradeFailed"
	ReasonChartMissing      = "ChartMissing"
	ReasonSuspended         = "Suspended"
	ReasonFailed            = "Failed"
	ReasonUnhealthy         = "Unhealthy"
	ReasonNotJudged         = "NotJudged"
)

// maxMessage bounds what others' messages may add to a status, in bytes.
const maxMessage = 1024

// Seen is what was observed around an application at one time.
type Seen struct {
	// IsReady says whether the provider's own resources say that the service can be used. Nil: none can.
	IsReady func(Provider) bool
	// Health is what the definition's health expressions say of what the release made. Nil: they were not asked, which
	// counts as not healthy where the definition has some.
	Health *Health
	// Now dates the conditions that change.
	Now time.Time
}

// Health is a judgement of what a release made.
type Health struct {
	IsHealthy bool
	// Message says what is not healthy, such as: Cluster db has not enough replicas.
	Message string
}

// MakeStatus says what became of an application. A condition keeps its time until it changes, so the status is the same as
// long as nothing does.
func (o Object) MakeStatus(seen Seen) Status {
	before := o.status()
	status := Status{
		ObservedGeneration: o.Resource.GetGeneration(),
		Version:            before.Version,
		Services:           o.servicesStatus(),
	}

	if o.Release != nil && o.taken() == nil {
		status.Release = o.ReleaseName()
		status.Version = cmp.Or(runningVersion(o.Release), before.Version)
		status.Credentials = o.credentials()
	} else if o.Release == nil {
		status.Release = before.Release // what it keeps is known by it
		status.Credentials = before.Credentials
	}

	kept := before.Conditions
	for _, one := range o.conditions(seen) {
		condition := metav1.Condition{
			Type: one.kind, Status: one.state, Reason: one.reason, Message: Clip(one.message, maxMessage),
			ObservedGeneration: status.ObservedGeneration, LastTransitionTime: metav1.NewTime(seen.Now.Truncate(time.Second)),
		}

		if old := meta.FindStatusCondition(kept, one.kind); old != nil && old.Status == condition.Status {
			condition.LastTransitionTime = old.LastTransitionTime
		}

		status.Conditions = append(status.Conditions, condition)
	}

	return status
}

// said is a condition before it has a date.
type said struct {
	kind    string
	state   metav1.ConditionStatus
	reason  string
	message string
}

// conditions are all that hold, Ready first.
func (o Object) conditions(seen Seen) []said {
	released, waits := o.released(), o.Waits(seen.IsReady)
	all := []said{o.ready(seen, released, waits), released}

	if len(servicesOf(o.Definition)) > 0 {
		services := said{
			kind: ConditionServicesReady, state: metav1.ConditionTrue, reason: ConditionServicesReady,
			message: strings.Join(o.missed(), "; "),
		}
		if len(waits) > 0 {
			services.state, services.reason, services.message = metav1.ConditionFalse, ReasonWaitingForService, strings.Join(waits, "; ")
		}

		all = append(all, services)
	}

	if _, moved := o.providers(); len(moved) > 0 {
		sentences := make([]string, 0, len(moved))
		for _, move := range moved {
			now := "has none any more"
			if move.To != "" {
				now = "has that of " + move.To
			}

			sentences = append(sentences, fmt.Sprintf("the application stays with %s of %s, where its data is; the tenant %s", move.Service, move.From, now))
		}

		all = append(all, said{
			kind: ConditionServiceMoved, state: metav1.ConditionTrue, reason: ConditionServiceMoved, message: strings.Join(sentences, "; "),
		})
	}

	return all
}

// ready is the first thing that keeps the application from being used as its spec asks.
func (o Object) ready(seen Seen, released said, waits []string) said {
	no := func(reason, message string) said {
		return said{kind: ConditionReady, state: metav1.ConditionFalse, reason: reason, message: message}
	}

	switch {
	case o.Resource.GetDeletionTimestamp() != nil:
		return no(ReasonDeleting, "the application is being deleted")
	case released.reason == ReasonReleaseTaken || released.reason == ReasonRefused:
		return no(released.reason, released.message)
	case len(waits) > 0:
		return no(ReasonWaitingForService, strings.Join(waits, "; "))
	case released.state != metav1.ConditionTrue:
		return no(released.reason, released.message)
	case len(o.Definition.Spec.Release.HealthCheckExprs) == 0:
	case seen.Health == nil:
		return no(ReasonNotJudged, "nobody has looked yet at what the release made")
	case !seen.Health.IsHealthy:
		return no(ReasonUnhealthy, seen.Health.Message)
	}

	return said{kind: ConditionReady, state: metav1.ConditionTrue, reason: ConditionReady}
}

// servicesStatus is nil where nothing is used.
func (o Object) servicesStatus() map[string]string {
	var services map[string]string

	for _, provider := range o.dependsOn() {
		if services == nil {
			services = map[string]string{}
		}

		services[provider.Service.String()] = provider.Namespace
	}

	return services
}

// credentials are the Secrets that the definition hands to users, with their names filled in.
func (o Object) credentials() []Credential {
	fill := variables(o.Definition, o.Resource.GetName())

	var all []Credential
	for _, one := range o.Definition.Spec.Credentials {
		all = append(all, Credential{Secret: fill.Replace(one.Secret), Description: fill.Replace(one.Description)})
	}

	return slices.Clip(all)
}
