// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/policy"
)

// ours is a cache of what has the controller's labels.
type ours struct{ client.Reader }

func (o ours) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := o.Reader.Get(ctx, key, object, options...); err != nil {
		return err
	}

	if !labels.SelectorFromSet(ManagedLabels()).Matches(labels.Set(object.GetLabels())) {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "policies"}, key.Name)
	}

	return nil
}

// TestARuleThatComesWithALostLabelIsTakenOff: the cache tells that the object went and came, and shows nothing to take off in between.
func TestARuleThatComesWithALostLabelIsTakenOff(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesCilium)
	w.settle()
	asked(t, w.woken)

	key := types.NamespacedName{Namespace: "tenant-foo", Name: "bar"}
	one := w.reconciler()
	one.policies = ours{w.client}
	look := func() {
		t.Helper()

		_, err := one.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
		require.NoError(t, err)
	}
	hearing := &hearing{tree: w.tree, tenants: w.woken, pass: &passes{}}

	own := w.cilium(policy.KindCilium, "tenant-foo-bar", policy.TenantName)
	before := own.DeepCopy()

	own.SetLabels(nil)
	own.Object["spec"] = map[string]any{"endpointSelector": map[string]any{}, "ingress": []any{map[string]any{"fromEntities": []any{"world"}}}}
	require.NoError(t, w.client.Update(t.Context(), own))

	hearing.policy(before, nil)
	require.Equal(t, requests([]types.NamespacedName{key}), asked(t, w.woken))
	look()

	back := w.cilium(policy.KindCilium, "tenant-foo-bar", policy.TenantName)
	require.Equal(t, ManagedLabels(), back.GetLabels())
	require.Contains(t, back.Object, "spec", "nobody could know of it")

	hearing.policy(nil, back)
	require.Equal(t, requests([]types.NamespacedName{key}), asked(t, w.woken), "what comes with it is heard of")
	look()
	require.NotContains(t, w.cilium(policy.KindCilium, "tenant-foo-bar", policy.TenantName).Object, "spec")

	w.writes = nil
	look()
	require.Empty(t, w.writes)
}

// TestOurOwnPoliciesWakeNobodyWhenTheyCome: each tenant has some, and was looked at when they were made.
func TestOurOwnPoliciesWakeNobodyWhenTheyCome(t *testing.T) {
	w := isolatedWorld(t, policy.EnforcesCilium)
	w.settle()
	asked(t, w.woken)

	hearing := &hearing{tree: w.tree, tenants: w.woken, pass: &passes{}}
	for name, kind := range map[types.NamespacedName]string{
		{Namespace: "tenant-foo", Name: policy.TenantName}: policy.KindCilium,
		{Name: policy.ClusterName}:                         policy.KindCiliumClusterwide,
		{Name: policy.ServicesPrefix + "tenant-foo"}:       policy.KindCiliumClusterwide,
	} {
		own := w.cilium(kind, name.Namespace, name.Name)
		own.Object["status"] = map[string]any{"conditions": []any{}}
		hearing.policy(nil, own)
		require.Empty(t, asked(t, w.woken), name)

		own.Object["spec"] = map[string]any{}
		hearing.policy(nil, own)
		require.Len(t, asked(t, w.woken), 1, name)
	}
}
