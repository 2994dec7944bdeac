// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func crdResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}

// definition is the CRD of tenants, established or not.
func definition(established string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "tenants.apps.cozystack.io"},
		"status": map[string]any{"conditions": []any{
			map[string]any{"type": "NamesAccepted", "status": "True"},
			map[string]any{"type": "Established", "status": established},
		}},
	}}
}

// listing is a fake cluster that says of itself what is so: it can't send a list as a stream of events.
type listing struct{ *fake.FakeDynamicClient }

func (listing) IsWatchListSemanticsUnSupported() bool { return true }

func clusterWith(objects ...runtime.Object) listing {
	return listing{fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{crdResource(): "CustomResourceDefinitionList"}, objects...)}
}

func TestEstablishedCRDIsNotWaitedFor(t *testing.T) {
	require.NoError(t, waitForCRD(t.Context(), clusterWith(definition("True")), v1alpha1.TenantCRD, time.Minute, &readiness{}))
}

func TestCRDThatIsEstablishedLaterIsSeen(t *testing.T) {
	cluster := clusterWith(definition("False"))
	done := make(chan error, 1)

	go func() { done <- waitForCRD(t.Context(), cluster, v1alpha1.TenantCRD, 0, &readiness{}) }() // for ever

	require.Eventually(t, func() bool { return len(cluster.Actions()) >= 2 }, 10*time.Second, 10*time.Millisecond, "list and watch")
	require.Empty(t, done)
	require.NoError(t, cluster.Tracker().Update(crdResource(), definition("True"), ""))
	require.NoError(t, <-done)
}

func TestCRDThatNeverComesEndsTheWait(t *testing.T) {
	err := waitForCRD(t.Context(), clusterWith(), v1alpha1.TenantCRD, 100*time.Millisecond, &readiness{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "tenants.apps.cozystack.io: not established within 100ms; it is part of chart tenant-api")
}

func TestTheWaitTellsTheServersLastError(t *testing.T) {
	cluster := clusterWith()
	cluster.PrependReactor("list", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(crdResource().GroupResource(), "tenants.apps.cozystack.io", nil)
	})

	err := waitForCRD(t.Context(), cluster, v1alpha1.TenantCRD, 200*time.Millisecond, &readiness{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	require.ErrorContains(t, err, "ClusterRole of chart cozy-controller")
}

func TestTheWaitEndsWithTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, waitForCRD(ctx, clusterWith(), v1alpha1.TenantCRD, time.Minute, &readiness{}), context.Canceled)
}
