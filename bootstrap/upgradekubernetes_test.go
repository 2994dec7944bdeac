// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	discovery "k8s.io/client-go/discovery/fake"
	dynamic "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/talos"
)

// appliedObjects are the names of what was applied to a cluster.
type appliedObjects struct {
	mu    sync.Mutex
	names []string
}

func (a *appliedObjects) serve(r *rack) {
	r.nodes.client.Discovery().(*discovery.FakeDiscovery).Resources = []*metav1.APIResourceList{{
		GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "configmaps", Kind: "ConfigMap", Namespaced: true}, {Name: "secrets", Kind: "Secret", Namespaced: true},
		},
	}}
	client := dynamic.NewSimpleDynamicClient(runtime.NewScheme())
	client.PrependReactor("patch", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		patch := action.(clienttesting.PatchAction)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.names = append(a.names, patch.GetNamespace()+"/"+patch.GetName())
		return true, &unstructured.Unstructured{Object: map[string]any{}}, nil
	})
	r.cluster = client
}

// One site: upgrades that are refused, then one that is killed in its middle and goes on.
func TestKubernetesIsUpgradedPartByPart(t *testing.T) {
	r := newRack(t, 215)
	applied := &appliedObjects{}
	applied.serve(r)
	const old, target = "version: v1.34.4", "version: v1.35.1"
	upgrade := func(ctx context.Context, wasIs ...string) ([]phase.Result, error) {
		b := r.bringup(wasIs...)
		return r.carryOut(ctx, b, UpgradeKubernetes(b.site))
	}
	r.happened()

	var jump *talos.JumpError
	_, err := upgrade(t.Context(), old, "version: v1.33.1")
	require.ErrorAs(t, err, &jump)
	require.ErrorContains(t, err, "node cp1, kube-apiserver: upgrade Kubernetes from v1.34.4 to v1.33.1: that would be a downgrade")
	require.ErrorContains(t, err, "node w1, kubelet: ")

	var behind *BehindError
	_, err = upgrade(t.Context(), "version: v1.12.4", "version: v1.13.9", old, target)
	require.ErrorAs(t, err, &behind)
	require.Contains(t, behind.Hint(), "cozy-install upgrade talos first")

	var pinned *PinnedError
	_, err = upgrade(t.Context(), old, target, "disk: {serial: D3}",
		"disk: {serial: D3}, patches: [{cluster: {scheduler: {image: 'registry.k8s.io/kube-scheduler:v1.34.4'}}}]")
	require.ErrorAs(t, err, &pinned)
	require.EqualError(t, pinned, "the config of cp2 names kube-scheduler v1.34.4 although kubernetes.version is v1.35.1")

	results, err := upgrade(t.Context())
	require.NoError(t, err, "there is nothing to do")
	for _, result := range results[1 : len(results)-1] {
		require.Equal(t, phase.Skipped, result.State, result.ID)
	}
	require.Empty(t, r.happened("config-changed", "static-pod"), "nothing was touched so far")

	ctx, stop := r.killedAt(t.Context(), "cp2 static-pod kube-controller-manager v1.35.1")
	_, err = upgrade(ctx, old, target)
	stop()
	require.ErrorIs(t, err, context.Canceled)
	results, err = upgrade(t.Context(), old, target)
	require.NoError(t, err)
	states := map[string]phase.State{}
	for _, result := range results {
		states[result.ID] = result.State
	}
	require.Equal(t, map[string]phase.State{
		"preflight": phase.Done, "pull": phase.Done, "kube-apiserver": phase.Skipped, "kube-controller-manager": phase.Done,
		"kube-scheduler": phase.Done, "kube-proxy": phase.Done, "kubelet": phase.Done, "manifests": phase.Done,
	}, states)
	require.Equal(t, []string{
		"cp1 static-pod kube-apiserver v1.35.1", "cp2 static-pod kube-apiserver v1.35.1", "cp3 static-pod kube-apiserver v1.35.1",
		"cp1 static-pod kube-controller-manager v1.35.1", "cp2 static-pod kube-controller-manager v1.35.1",
		"cp3 static-pod kube-controller-manager v1.35.1",
		"cp1 static-pod kube-scheduler v1.35.1", "cp2 static-pod kube-scheduler v1.35.1", "cp3 static-pod kube-scheduler v1.35.1",
	}, r.happened("static-pod"), "each part on one control plane after the other, and never twice")
	require.Len(t, applied.names, 4, "two manifests, in each of the two runs that came so far: %v", applied.names)
	require.Contains(t, applied.names, "kube-system/kubeconfig-in-cluster")

	b := r.bringup(old, target)
	nodes, err := b.cluster.NodeStates(t.Context())
	require.NoError(t, err)
	require.Len(t, nodes, 4)
	for _, node := range nodes {
		require.Equal(t, "v1.35.1", node.Version, node.Name)
	}
	require.NoError(t, b.assertSteady(t.Context(), b.site.Nodes, siteWell()))
}
