// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestReleasesAreMadeWhenWhatTheyNeedIsReady(t *testing.T) {
	release := make(chan struct{})
	cluster := newFakeCluster(t, func(r *helmv2.HelmRelease, n int) {
		if r.Name == "a" {
			<-release // a takes until d is ready: d must not wait for it
		}
		ready(r, n)
	})
	heard := &listener{}
	err := cluster.flux().Install(within(t, 10*time.Second), diamond(t), func(s PackageStatus) {
		heard.hear(s)
		if s.Name == "d" && s.State == StateReady {
			close(release)
		}
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "d", "c"}, cluster.applied)
	require.Equal(t, []State{StateWaiting, StateInstalling, StateReady}, heard.of("c"))
	require.Equal(t, []State{StateInstalling, StateReady}, heard.of("d"))
	require.Empty(t, heard.of("z"), "the core is installed otherwise")
}

func TestARunOverReadyReleasesEndsAtOnce(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	plan := diamond(t)
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), plan, nil))
	cluster.waiting.Wait()
	cluster.react = func(*helmv2.HelmRelease, int) {} // Flux sees no change, and does nothing
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), plan, nil))
	statuses, err := cluster.flux().Status(t.Context(), plan)
	require.NoError(t, err)
	require.Equal(t, []PackageStatus{{Name: "a", State: StateReady, Message: "ok"}, {Name: "b", State: StateReady, Message: "ok"}, {Name: "c", State: StateReady, Message: "ok"}, {Name: "d", State: StateReady, Message: "ok"}}, statuses)
}

func TestAFailedReleaseIsNamedAndOthersGoOn(t *testing.T) {
	cluster := newFakeCluster(t, func(r *helmv2.HelmRelease, n int) {
		if r.Name != "b" {
			ready(r, n)
			return
		}
		condition(r, helmv2.ReleasedCondition, metav1.ConditionFalse, helmv2.InstallFailedReason, "no such image")
		condition(r, meta.ReadyCondition, metav1.ConditionFalse, "RetryAfterInterval", "Will retry after 15s")
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	heard, enough := &listener{}, errors.New("enough")
	err := cluster.flux().Install(ctx, diamond(t), func(s PackageStatus) {
		heard.hear(s)
		if slices.Contains(heard.of("a"), StateReady) && slices.Contains(heard.of("b"), StateFailed) && slices.Contains(heard.of("d"), StateReady) {
			cancel(enough)
		}
	})
	var unfinished *UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.ErrorIs(t, err, enough)
	require.Equal(t, []PackageStatus{{Name: "b", State: StateFailed, Message: "no such image"}}, unfinished.Culprits)
	require.Equal(t, []string{"c"}, unfinished.Waiting)
	require.Equal(t, "packages are not ready: b is failed (no such image); waiting for them: c: enough", err.Error())
	require.NotContains(t, cluster.applied, "c")
}

func TestARunEndsWhenNobodyWillTryAgain(t *testing.T) {
	cluster := newFakeCluster(t, func(r *helmv2.HelmRelease, n int) {
		if r.Name != "b" {
			ready(r, n)
			return
		}
		condition(r, meta.StalledCondition, metav1.ConditionTrue, "AccessDenied", "no access")
		condition(r, meta.ReadyCondition, metav1.ConditionFalse, "AccessDenied", "no access")
	})
	plan := diamond(t)
	err := cluster.flux().Install(within(t, 10*time.Second), plan, nil)
	require.EqualError(t, err, "packages are not ready: b is stalled (no access); waiting for them: c")
	cluster.waiting.Wait()

	// The next run asks Flux to try again, and waits for the answer to that.
	cluster.react = func(r *helmv2.HelmRelease, n int) {
		if r.Name == "b" {
			require.NotEmpty(t, r.Annotations[meta.ReconcileRequestAnnotation])
			require.Equal(t, r.Annotations[meta.ReconcileRequestAnnotation], r.Annotations[helmv2.ResetRequestAnnotation])
			apimeta.RemoveStatusCondition(&r.Status.Conditions, meta.StalledCondition)
		}
		ready(r, n)
	}
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), plan, nil))
	cluster.waiting.Wait()

	// The run after that leaves the request where it is.
	asked := cluster.annotations("b")
	cluster.react = func(*helmv2.HelmRelease, int) {}
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), plan, nil))
	require.Equal(t, asked, cluster.annotations("b"))
	require.Empty(t, cluster.annotations("a"))
}

func TestAReleaseThatSucceedsLaterCounts(t *testing.T) {
	cluster := newFakeCluster(t, nil)
	cluster.react = func(r *helmv2.HelmRelease, n int) {
		if r.Name == "b" {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.InstallFailedReason, "first try")
			cluster.store(r)
		}
		ready(r, n)
	}
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), diamond(t), nil))
	require.Equal(t, "c", cluster.applied[len(cluster.applied)-1])
}

func TestAnAPIServerThatRestartsIsWaitedFor(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	cluster.refuse = func(n int) error {
		switch n {
		case 2:
			return errors.New("dial tcp 127.0.0.1:6443: connect: connection refused")
		case 4:
			return apierrors.NewServiceUnavailable("starting")
		}
		return nil
	}
	require.NoError(t, cluster.flux().Install(within(t, 20*time.Second), diamond(t), nil))
}

func TestARefusedObjectIsNotTriedAgain(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	cluster.refuse = func(n int) error {
		if n == 2 {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "helmreleases"}, "a", errors.New("no"))
		}
		return nil
	}
	err := cluster.flux().Install(within(t, 10*time.Second), diamond(t), nil)
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	require.ErrorContains(t, err, "apply helm release cozy-a/a")
	require.Equal(t, 2, cluster.tries)
}

func TestAClusterWithoutFluxIsNamed(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	cluster.refuse = func(int) error {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "helmrepositories"}, "cozy-charts")
	}
	require.ErrorIs(t, cluster.flux().Install(within(t, 10*time.Second), diamond(t), nil), ErrNoFlux)
}
