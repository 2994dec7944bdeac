// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// progressAt is the progress of a plan without a core's package but z, with a clock that the test sets.
func progressAt(t *testing.T, clock *time.Time, packages ...string) (*progress, *listener) {
	t.Helper()
	heard := &listener{}
	plan := planOf(t, "z", append([]string{pkg("z")}, packages...)...)
	return newProgress(plan, heard.hear, func() time.Time { return *clock }), heard
}

func TestAPackageThatIsNeverReadyEndsAsCulprit(t *testing.T) {
	clock := time.Now()
	p, _ := progressAt(t, &clock, pkg("a", "health: {timeout: 1m}"), pkg("b", "dependsOn: [a]"), pkg("c"))
	r := &helmv2.HelmRelease{}
	condition(r, meta.ReadyCondition, metav1.ConditionUnknown, meta.ProgressingReason, "Running 'upgrade' action")
	good := &helmv2.HelmRelease{}
	ready(good, 1)
	observe := func() (bool, error) {
		p.observe(map[string]*helmv2.HelmRelease{"a": r, "c": good})
		return p.finished()
	}
	p.start("a", start{})
	p.start("c", start{})
	clock = clock.Add(attempts * (time.Minute + retryInterval))
	done, _ := observe()
	require.False(t, done, "its last attempt may still succeed")

	clock = clock.Add(time.Second)
	done, err := observe()
	require.True(t, done)
	require.EqualError(t, err, "packages are not ready: a is failed (not ready after 3m46s: Running 'upgrade' action); waiting for them: b")

	ready(r, 2)
	startable := p.observe(map[string]*helmv2.HelmRelease{"a": r, "c": good})
	require.Equal(t, []string{"b"}, names(startable), "it came at last")
	require.Equal(t, StateReady, p.status["a"].State)
}

func TestAnIndependentPackageIsWaitedForBeyondAnOverdueOne(t *testing.T) {
	clock := time.Now()
	p, _ := progressAt(t, &clock, pkg("a", "health: {timeout: 1m}"), pkg("c"))
	failed, working := &helmv2.HelmRelease{}, &helmv2.HelmRelease{}
	condition(failed, meta.ReadyCondition, metav1.ConditionFalse, helmv2.InstallFailedReason, "no such image")
	p.start("a", start{})
	clock = clock.Add(time.Hour)
	p.start("c", start{})
	p.observe(map[string]*helmv2.HelmRelease{"a": failed, "c": working})
	done, _ := p.finished()
	require.False(t, done)
}

func TestAFindingIsToldOnceAndForgottenWhenThePackageIsReady(t *testing.T) {
	clock := time.Now()
	p, heard := progressAt(t, &clock, pkg("a"))
	r := &helmv2.HelmRelease{}
	p.start("a", start{})
	require.Empty(t, p.suspects(), "it has just begun")
	clock = clock.Add(suspicion)
	require.Equal(t, []string{"a"}, suspectNames(p))
	found := finding{
		name: "a", known: true, object: FailingObject{"Deployment", "x", "y", "0 of 1"}, warning: Warning{"Pod", "y-1", "Failed", "no image"},
	}
	p.found(found)
	p.found(found)
	p.found(finding{name: "a"}) // the cluster did not answer
	condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.InstallFailedReason, "timed out")
	p.observe(map[string]*helmv2.HelmRelease{"a": r})
	require.EqualError(t, p.unfinished(nil),
		"packages are not ready: a is failed (Deployment x/y: 0 of 1; Pod y-1: Failed: no image; timed out)")
	require.Len(t, heard.all, 3)
	ready(r, 2)
	p.observe(map[string]*helmv2.HelmRelease{"a": r})
	require.Equal(t, PackageStatus{Name: "a", State: StateReady, Message: "ok"}, p.status["a"])
	p.found(found)
	require.Equal(t, StateReady, p.status["a"].State)
	require.Empty(t, p.status["a"].Object, "it was looked at before it became ready")
}

func TestWhatWasBegunOutlastsItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	out, release := outlasting(ctx)
	defer release()
	cancel(errEnded)
	require.NoError(t, out.Err())
	begun := time.Now()
	<-out.Done()
	require.ErrorIs(t, context.Cause(out), errEnded)
	require.InDelta(t, grace.Seconds(), time.Since(begun).Seconds(), 1)
}

var errEnded = errors.New("ended")

func TestAnInterruptedRunSaysWhatGoesOn(t *testing.T) {
	e := &UnfinishedError{
		Culprits: []PackageStatus{{Name: "a", State: StateInstalling}, {Name: "b", State: StateFailed}, {Name: "c", State: StateAbsent}},
		Waiting:  []string{"d"}, Cause: context.Canceled,
	}
	require.Equal(t, "Flux goes on in the cluster with: a, b\nnot begun: d, c\nrun the same command again: it goes on from here", e.Interrupted())
	e.Before = []string{"d"}
	require.Equal(t, "Flux goes on in the cluster with: a, b\nnot begun: c\nnot looked at yet, and as an earlier run left them: d\n"+goOn, e.Interrupted())

	p := newProgress(planOf(t, "core", pkg("core"), pkg("a"), pkg("b", "dependsOn: [a]"), pkg("c", "dependsOn: [b]")), nil, time.Now)
	p.observe(map[string]*helmv2.HelmRelease{"b": {}})
	p.start("a", start{})
	unfinished := &UnfinishedError{}
	require.ErrorAs(t, p.unfinished(context.Canceled), &unfinished)
	require.Equal(t, []string{"b", "c"}, unfinished.Waiting)
	require.Equal(t, []string{"b"}, unfinished.Before, "it runs since before this run")

	stopped := &StoppedError{Package: "a", Left: []string{"b"}, Err: context.Canceled}
	require.Equal(t, "a is half installed: its Helm release is marked as failed, and what it made stays and may still become ready\n"+
		"this run did not come to: b\nrun the same command again: it goes on from here", stopped.Interrupted())
	require.ErrorIs(t, stopped, context.Canceled)
	require.EqualError(t, &StoppedError{Left: []string{"b"}, Err: context.Canceled}, "stopped before package b: context canceled")
}

func suspectNames(p *progress) (out []string) {
	for _, one := range p.suspects() {
		out = append(out, one.Name)
	}
	return out
}
