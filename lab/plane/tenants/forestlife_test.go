// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// operate stands for those who run services: it says that they are ready, until the test ends.
func (f *forest) operate(t *testing.T) {
	t.Helper()

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})

	t.Cleanup(func() {
		cancel()
		<-ended
	})

	go func() {
		defer close(ended)

		for ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)

			for _, service := range tenant.Services() {
				f.sayAllReady(ctx, service)
			}
		}
	}()
}

func (f *forest) String() string {
	return fmt.Sprintf("%d of %d asked for, %d of %d trees deleted", f.asked.Load(), len(f.trees), f.gone.Load(), len(f.doomed))
}

// isKept says whether the tenant should be there in the end.
func (f *forest) isKept(one *planned) bool { return !f.isFelled && !one.isDoomed() }

// awaitGrown waits until everything was asked for.
func (f *forest) awaitGrown(t *testing.T) {
	t.Helper()
	f.group.Wait()
	require.False(t, t.Failed())
}

// fell deletes what is left.
func (f *forest) fell(t *testing.T) {
	t.Helper()

	f.isFelled = true

	for _, one := range f.trees {
		if one.parent == nil {
			require.NoError(t, f.delete(t.Context(), one.object))
		}
	}

	f.awaitConverged(t)
}

// awaitConverged waits until those that should be there are Ready, and no others are there.
func (f *forest) awaitConverged(t *testing.T) {
	t.Helper()

	var last string

	f.awaitFor(t, forestPatience, func() bool {
		last = f.lacks(t)

		return last == ""
	}, func() string { return last })
}

// lacks says what keeps the forest from being as it should, empty: nothing.
func (f *forest) lacks(t *testing.T) string {
	t.Helper()

	found := f.tenants(t)

	for _, one := range f.trees {
		key := client.ObjectKeyFromObject(one.object)
		object, isThere := found[key]

		delete(found, key)

		switch {
		case !f.isKept(one) && isThere:
			return fmt.Sprintf("%s is still there: %v", key, object.Status.Conditions)
		case f.isKept(one) && !isThere:
			return fmt.Sprintf("%s is gone", key)
		case isThere && !isReadyNow(object):
			return fmt.Sprintf("%s is not ready: %v", key, object.Status.Conditions)
		}
	}

	for key := range found {
		if key.Name != "root" {
			return fmt.Sprintf("%s was not asked for", key)
		}
	}

	return ""
}

func isReadyNow(object *v1alpha1.Tenant) bool {
	ready := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReady)

	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == object.Generation
}

func (w *world) tenants(t *testing.T) map[types.NamespacedName]*v1alpha1.Tenant {
	t.Helper()

	var list v1alpha1.TenantList
	require.NoError(t, w.client.List(t.Context(), &list))

	all := map[types.NamespacedName]*v1alpha1.Tenant{}
	for i := range list.Items {
		all[client.ObjectKeyFromObject(&list.Items[i])] = &list.Items[i]
	}

	return all
}

// sayAllReady says of each service that it is ready. What went meanwhile is told of the next time.
func (w *world) sayAllReady(ctx context.Context, service tenant.Service) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(service.Kind() + "List"))

	if w.client.List(ctx, list) != nil {
		return
	}

	for i := range list.Items {
		if _, isThere := list.Items[i].Object["status"]; isThere {
			continue
		}

		list.Items[i].Object["status"] = map[string]any{"conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "Ready", "message": "", "observedGeneration": list.Items[i].GetGeneration(),
		}}}
		_ = w.client.Status().Update(ctx, &list.Items[i]) // it may have changed
	}
}
