// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	metadatafake "k8s.io/client-go/metadata/fake"
)

// registered is z: core; op, whose program registers a kind when it runs; user, with an object of that kind; far alone.
func registered(t *testing.T) *Plan {
	t.Helper()
	return planOf(t, "z", pkg("z"), pkg("op", "provides: [{name: "+things+", from: runtime}]"),
		pkg("user", "dependsOn: [op]", "needs: ["+things+"]"), pkg("far", "dependsOn: [op]"))
}

// withNames lets the cluster tell names of CRDs.
func withNames(t *testing.T, flux *Flux) *metadatafake.FakeMetadataClient {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	names := metadatafake.NewSimpleMetadataClient(scheme)
	flux.names = names
	return names
}

func register(t *testing.T, cluster *fakeCluster, names *metadatafake.FakeMetadataClient, established string) {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": things},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": established}}},
	}}
	name := &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: object.GetAPIVersion(), Kind: object.GetKind()}, ObjectMeta: metav1.ObjectMeta{Name: things},
	}
	put := func(tracker interface {
		Create(gvr schema.GroupVersionResource, obj runtime.Object, ns string, opts ...metav1.CreateOptions) error
		Update(gvr schema.GroupVersionResource, obj runtime.Object, ns string, opts ...metav1.UpdateOptions) error
	}, object runtime.Object,
	) {
		if tracker.Update(definitions(), object, "") != nil {
			require.NoError(t, tracker.Create(definitions(), object, ""))
		}
	}
	put(cluster.client.Tracker(), object)
	put(names.Tracker(), name)
}

func TestAPackageWaitsForAKindThatAProgramRegisters(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	flux := cluster.flux()
	names := withNames(t, flux)
	heard := &listener{}
	err := flux.Install(within(t, 10*time.Second), registered(t), func(s PackageStatus) {
		heard.hear(s)
		switch {
		case s.Name == "user" && s.State == StateWaiting && s.Message == "for "+things+" of op":
			register(t, cluster, names, "False")
		case s.Name == "far" && s.State == StateReady:
			register(t, cluster, names, "True")
		}
	})
	require.NoError(t, err)
	require.Equal(t, []string{"op", "far", "user"}, cluster.applied)
	require.Equal(t, []State{StateWaiting, StateInstalling, StateReady}, heard.of("user"))
}

func TestAKindThatNobodyRegistersIsNamed(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	flux := cluster.flux()
	withNames(t, flux)
	ctx, cancel := context.WithCancel(t.Context())
	err := flux.Install(ctx, registered(t), func(s PackageStatus) {
		if s.Name == "far" && s.State == StateReady {
			cancel()
		}
	})
	var unfinished *UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.Equal(t, []PackageStatus{{Name: "user", State: StateWaiting, Message: "for " + things + " of op"}}, unfinished.Culprits)
}

func TestAnExistingKindIsNotWaitedFor(t *testing.T) {
	cluster := newFakeCluster(t, func(r *helmv2.HelmRelease, n int) { ready(r, n) })
	flux := cluster.flux()
	register(t, cluster, withNames(t, flux), "True")
	require.NoError(t, flux.Install(within(t, 10*time.Second), registered(t), nil))
}
