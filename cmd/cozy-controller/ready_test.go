// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// leading is the readiness of a controller that was elected.
func leading() *readiness {
	elected := make(chan struct{})
	close(elected)

	return &readiness{elected: elected}
}

func forbidden() error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "", nil)
}

func TestLeaderIsReadyWhenItsCachesAreFilled(t *testing.T) {
	r, isFilled := leading(), false

	require.ErrorContains(t, r.check(t.Context()), "starting")
	r.asks("tenants.apps.cozystack.io")
	require.ErrorContains(t, r.check(t.Context()), "asking the API server for the custom resource definition tenants.apps.cozystack.io")
	r.fills(func(context.Context) bool { return isFilled })
	require.ErrorContains(t, r.check(t.Context()), "the caches are being filled")

	isFilled = true
	require.NoError(t, r.check(t.Context()))

	isFilled = false // as where one more kind is watched
	require.NoError(t, r.check(t.Context()), "what was filled once watches keep")
}

// The probe would give up, and take that for an answer.
func TestCachesAreNotWaitedForWhileAProbeWaits(t *testing.T) {
	r := leading()
	r.fills(func(ctx context.Context) bool {
		<-ctx.Done()

		return false
	})

	begun := time.Now()
	require.Error(t, r.check(t.Context()))
	require.Less(t, time.Since(begun), 10*time.Second)
}

// Charts would bring the kinds and the rights, and nobody is led to the charts of a pod that is not ready.
func TestLeaderIsReadyWhileItWaitsForCharts(t *testing.T) {
	r := leading()
	r.fills(func(context.Context) bool { return false })
	r.heard(errors.New("connection refused"))
	require.Error(t, r.check(t.Context()))
	r.heard(forbidden())
	require.NoError(t, r.check(t.Context()), "rights come with a chart")

	r.asks("tenants.apps.cozystack.io")
	require.Error(t, r.check(t.Context()), "what was refused was something else")
}

func TestAbsentKindIsNoReasonNotToBeReady(t *testing.T) {
	r, cluster := leading(), clusterWith()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)

	go func() { done <- waitForCRD(ctx, cluster, v1alpha1.TenantCRD, 0, r) }()

	require.Eventually(t, func() bool { return r.check(ctx) == nil }, 10*time.Second, 10*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func TestLeaderIsNotReadyBeforeTheServerSaysWhichKindsThereAre(t *testing.T) {
	r, cluster := leading(), clusterWith()
	cluster.PrependReactor("list", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})

	require.Error(t, waitForCRD(t.Context(), cluster, v1alpha1.TenantCRD, 200*time.Millisecond, r))
	require.ErrorContains(t, r.check(t.Context()), "asking the API server")
}
