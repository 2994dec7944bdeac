// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// kindWatcher looks at a kind when its CRD changes.
type kindWatcher struct {
	// name is that of its controller.
	name  string
	kinds *kinds
	// heard is called when one came or went.
	heard func()
}

// Reconcile is given the name of a CRD.
func (w *kindWatcher) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if err := w.kinds.learn(ctx); err != nil {
		return reconcile.Result{}, err
	}

	isOther, err := w.kinds.look(ctx, request.Name)
	if isOther {
		w.heard()
	}

	if err != nil {
		return reconcile.Result{}, fmt.Errorf("look at %s: %w", request.Name, err)
	}

	return reconcile.Result{}, nil
}

// maxKindRetry bounds the pause before a kind that can't be read is asked for again: tenants wait for it. Each attempt takes syncTimeout.
const maxKindRetry = 30 * time.Second

func kindRetries() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, maxKindRetry)
}

// watchKinds adds the watcher of CRDs to a manager.
func watchKinds(mgr manager.Manager, watcher *kindWatcher) error {
	areOurs := predicate.NewPredicateFuncs(func(crd client.Object) bool { return watcher.kinds.areOurs(crd.GetName()) })

	err := ctrl.NewControllerManagedBy(mgr).Named(watcher.name).
		Watches(watch.Metadata(crdKind()), &handler.EnqueueRequestForObject{}, builder.WithPredicates(areOurs)).
		WithOptions(controller.Options{RateLimiter: kindRetries()}).
		Complete(watcher)
	if err != nil {
		return fmt.Errorf("set up %s: %w", watcher.name, err)
	}

	return nil
}
