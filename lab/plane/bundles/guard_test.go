// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/cozystack/cozy-install/bundles"
)

// guard notes what no installation may ever take away or replace: whoever uninstalls a release does.
type guard struct {
	lock sync.Mutex
	gone []string
}

// watchOver begins to guard, until the test ends. It does not mind if the API server restarts.
func (w *world) watchOver(t *testing.T) *guard {
	t.Helper()
	client, err := metadata.NewForConfig(w.config)
	require.NoError(t, err)
	g := &guard{}
	factory := metadatainformer.NewSharedInformerFactory(client, 0)
	for _, kind := range []schema.GroupVersionResource{
		helmReleases,
		{Version: "v1", Resource: "persistentvolumeclaims"},
		{Group: "apps", Version: "v1", Resource: "deployments"},
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	} {
		_, err := factory.ForResource(kind).Informer().AddEventHandler(g.handler(kind.Resource))
		require.NoError(t, err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	factory.Start(ctx.Done())
	t.Cleanup(func() {
		stop()
		factory.Shutdown()
	})
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		require.True(t, synced, kind)
	}
	return g
}

func (g *guard) handler(kind string) cache.ResourceEventHandler {
	note := func(what string, object any) {
		if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = unknown.Obj
		}
		one := object.(*metav1.PartialObjectMetadata)
		g.lock.Lock()
		defer g.lock.Unlock()
		g.gone = append(g.gone, kind+" "+one.Namespace+"/"+one.Name+" "+what)
	}
	return cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(before, after any) {
			if before.(*metav1.PartialObjectMetadata).UID != after.(*metav1.PartialObjectMetadata).UID {
				note("was replaced", after)
			}
		},
		DeleteFunc: func(object any) { note("was deleted", object) },
	}
}

func (g *guard) requireNothingGone(t *testing.T) {
	t.Helper()
	g.lock.Lock()
	defer g.lock.Unlock()
	require.Empty(t, slices.Clone(g.gone))
}

// requireConverged requires that every release of the plan is ready and stays so, that none is in the middle of something,
// and that none took more revisions than it may have.
func (w *world) requireConverged(t *testing.T, plan *bundles.Plan, mayHave func(bundles.Package) int) {
	t.Helper()
	for _, p := range plan.Packages {
		revisions := w.history(t, p.Namespace, p.Release)
		if len(revisions) == 0 { // Flux of somebody else
			require.True(t, plan.IsCore(p.Name), p.Name)
			continue
		}
		last := 0
		for revision, state := range revisions {
			last = max(last, revision)
			require.Contains(t, []string{"deployed", "superseded", "failed"}, state, "%s: %v", p.Name, revisions)
		}
		require.Equal(t, "deployed", revisions[last], "%s: %v", p.Name, revisions)
		require.LessOrEqual(t, last, mayHave(p), "%s: %v", p.Name, revisions)
	}
	for name, state := range w.coreStates(t, plan) {
		require.Contains(t, []bundles.State{bundles.StateReady, bundles.StatePresent}, state, name)
	}
	w.staysReady(t, plan)
}

// claims are the UIDs of all volume claims: the data of releases.
func (w *world) claims(t *testing.T) map[string]string {
	t.Helper()
	list, err := w.kube.CoreV1().PersistentVolumeClaims(corev1.NamespaceAll).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	out := map[string]string{}
	for _, one := range list.Items {
		out[one.Namespace+"/"+one.Name] = string(one.UID)
	}
	return out
}
