// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const etcdCRD = "etcds.apps.cozystack.io"

// watching is a cache that notes which watches begin and end.
type watching struct {
	did []string
	// fails is why no watch begins. Nil: they begin.
	fails error
}

func (w *watching) GetInformer(_ context.Context, object client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	w.did = append(w.did, "watch "+object.GetObjectKind().GroupVersionKind().Kind)

	return nil, w.fails // kinds take a fake's nil for one
}

func (w *watching) RemoveInformer(_ context.Context, object client.Object) error {
	w.did = append(w.did, "leave "+object.GetObjectKind().GroupVersionKind().Kind)

	return nil
}

func crdOf(uid types.UID, established string) *unstructured.Unstructured {
	crd := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{
			"group": serviceKind(tenant.Etcd).Group, "names": map[string]any{"kind": "Etcd"},
			"versions": []any{map[string]any{"name": serviceKind(tenant.Etcd).Version, "served": true}},
		},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": established}}},
	}}
	crd.SetGroupVersionKind(crdKind())
	crd.SetName(etcdCRD)
	crd.SetUID(uid)

	return crd
}

func TestKindThatWasMadeAnewIsWatchedAnew(t *testing.T) {
	live := fake.NewClientBuilder().WithScheme(runtime.NewScheme()).Build()
	watches := &watching{}
	k := &kinds{
		areOurs: areApplications, version: v1alpha1.GroupVersion.Version,
		cache: watches, live: live, isKnown: true, log: slog.New(slog.DiscardHandler),
	}

	for _, step := range []struct {
		name    string
		crd     *unstructured.Unstructured // nil: there is none
		did     []string
		isOther bool
		serves  bool
	}{
		{"there is none", nil, nil, false, false},
		{"it is not established", crdOf("one", "False"), nil, false, false},
		{"it is served", crdOf("one", "True"), []string{"watch Etcd"}, true, true},
		{"nothing changed", crdOf("one", "True"), nil, false, true},
		{"it was made anew", crdOf("two", "True"), []string{"leave Etcd", "watch Etcd"}, true, true},
		{"it was made anew, and is not established", crdOf("three", "False"), []string{"leave Etcd"}, true, false},
		{"it is served again", crdOf("three", "True"), []string{"watch Etcd"}, true, true},
		{"it is gone", nil, []string{"leave Etcd"}, true, false},
	} {
		require.NoError(t, client.IgnoreNotFound(live.Delete(t.Context(), crdOf("", ""))))

		if step.crd != nil {
			require.NoError(t, live.Create(t.Context(), step.crd))
		}

		watches.did = nil
		isOther, err := k.look(t.Context(), etcdCRD)
		require.NoError(t, err)
		require.Equal(t, step.isOther, isOther, step.name)
		require.Equal(t, step.did, watches.did, step.name)
		require.Equal(t, step.serves, k.serves(serviceKind(tenant.Etcd)), step.name)
	}
}
