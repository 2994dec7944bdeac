// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStateOfARelease(t *testing.T) {
	build := func(change func(*helmv2.HelmRelease)) *helmv2.HelmRelease {
		r := &helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Generation: 3}}
		ready(r, 1)
		change(r)
		return r
	}
	for name, test := range map[string]struct {
		release *helmv2.HelmRelease
		begun   start
		want    State
	}{
		"ready":                   {build(func(*helmv2.HelmRelease) {}), start{generation: 3}, StateReady},
		"not there":               {nil, start{}, StateInstalling},
		"seen too early":          {build(func(*helmv2.HelmRelease) {}), start{generation: 4}, StateInstalling},
		"ready before the change": {build(func(r *helmv2.HelmRelease) { r.Generation = 4 }), start{generation: 4}, StateInstalling},
		"ready, not yet observed": {build(func(r *helmv2.HelmRelease) { r.Status.ObservedGeneration = 2 }), start{generation: 3}, StateInstalling},
		"asked, not yet taken":    {build(func(*helmv2.HelmRelease) {}), start{3, "now"}, StateInstalling},
		"asked and taken":         {build(func(r *helmv2.HelmRelease) { r.Status.LastHandledReconcileAt = "now" }), start{3, "now"}, StateReady},
		"with its chart":          {build(func(r *helmv2.HelmRelease) { charted(r, "0.1.0+1234", "0.1.0+1234") }), start{generation: 3}, StateReady},
		"with another chart":      {build(func(r *helmv2.HelmRelease) { charted(r, "0.1.0+5678", "0.1.0+1234") }), start{generation: 3}, StateInstalling},
		"with a foreign chart":    {build(func(r *helmv2.HelmRelease) { charted(r, "1.2.3", "v1.2.3") }), start{generation: 3}, StateReady},
		"suspended":               {build(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true }), start{generation: 3}, StateStalled},
		"no word yet":             {&helmv2.HelmRelease{}, start{}, StateInstalling},
		"working": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionUnknown, meta.ProgressingReason, "")
		}), start{generation: 3}, StateInstalling},
		"chart on its way": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, "SourceNotReady", "")
		}), start{generation: 3}, StateInstalling},
		"dependency": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.DependencyNotReadyReason, "")
		}), start{generation: 3}, StateInstalling},
		"failed": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.UpgradeFailedReason, "")
		}), start{generation: 3}, StateFailed},
		"failed before the change": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.UpgradeFailedReason, "")
			r.Generation = 4
		}), start{generation: 4}, StateInstalling},
	} {
		got, _ := stateOf(test.release, test.begun)
		require.Equal(t, test.want, got, name)
	}
}

// charted sets the chart version that a release asks for, and the one that was tried last.
func charted(r *helmv2.HelmRelease, want, tried string) {
	r.Spec.Chart = &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{Version: want}}
	r.Status.LastAttemptedRevision = tried
}

func TestUnfinishedTellsWhereToLook(t *testing.T) {
	require.Contains(t, (&UnfinishedError{}).Hint(), "kubectl get helmreleases -A")
}

func TestAFailureIsToldWhileAnotherAttemptRuns(t *testing.T) {
	heard := &listener{}
	p := newProgress(planOf(t, "z", pkg("z"), pkg("a")), heard.hear, time.Now)
	r := &helmv2.HelmRelease{}
	observe := func(status metav1.ConditionStatus, reason, message string) {
		condition(r, meta.ReadyCondition, status, reason, message)
		p.observe(map[string]*helmv2.HelmRelease{"a": r})
	}
	p.start("a", start{})
	observe(metav1.ConditionFalse, helmv2.InstallFailedReason, "no such image")
	observe(metav1.ConditionUnknown, meta.ProgressingReason, "Running 'upgrade' action with timeout of 10m0s")
	require.EqualError(t, p.unfinished(nil), "packages are not ready: a is failed (no such image)")
	observe(metav1.ConditionFalse, helmv2.UpgradeFailedReason, "no such port")
	require.EqualError(t, p.unfinished(nil), "packages are not ready: a is failed (no such port)")
	observe(metav1.ConditionTrue, helmv2.UpgradeSucceededReason, "ok")
	done, err := p.finished()
	require.True(t, done)
	require.NoError(t, err)
	require.Equal(t, []State{StateInstalling, StateFailed, StateReady}, heard.of("a"))
}

func TestThatFluxLooksAgainIsNoNews(t *testing.T) {
	heard := &listener{}
	p := newProgress(planOf(t, "z", pkg("z"), pkg("a")), heard.hear, time.Now)
	r := &helmv2.HelmRelease{}
	p.start("a", start{})
	for range 3 { // as every five seconds, for as long as there is no chart
		condition(r, meta.ReadyCondition, metav1.ConditionUnknown, meta.ProgressingReason, "Fulfilling prerequisites")
		p.observe(map[string]*helmv2.HelmRelease{"a": r})
		condition(r, meta.ReadyCondition, metav1.ConditionFalse, sourceNotReady, "no artifact available")
		p.observe(map[string]*helmv2.HelmRelease{"a": r})
	}
	var messages []string
	for _, status := range heard.all {
		messages = append(messages, status.Message)
	}
	require.Equal(t, []string{"", "Fulfilling prerequisites", "no artifact available"}, messages)
}
