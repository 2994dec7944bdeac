// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/application"
)

// request asks for one object of one kind to be looked at.
type request struct {
	kind string
	key  types.NamespacedName
}

// world is what the reconcilers share.
type world struct {
	client client.Client
	// live reads past the caches, where a stale answer would lose something.
	live client.Reader
	// objects are those of the published kinds, and belongings what belongs to them; both are caches of what is watched.
	objects, belongings client.Reader
	// objectWatch and belongingsWatch are the same caches, to watch one more kind with.
	objectWatch, belongingsWatch watcher
	mapper                       meta.RESTMapper

	tenants  Tenants
	kinds    *kinds
	watches  watches
	platform application.Platform
	now      func() time.Time
	log      *slog.Logger

	applications            *wakes[request]
	waves                   *wakes[wave]
	namespaces, definitions *wakes[reconcile.Request]
	services                *Services
}

// watcher is the part of a cache by which kinds are watched.
type watcher interface {
	GetInformer(ctx context.Context, object client.Object, options ...cache.InformerGetOption) (cache.Informer, error)
	RemoveInformer(ctx context.Context, object client.Object) error
}

// tenantsChanged wakes everything in these namespaces; nil stands for all.
func (w *world) tenantsChanged(namespaces []string) {
	if namespaces == nil {
		w.waves.add(wave{})
	}

	for _, namespace := range namespaces {
		w.waves.add(wave{namespace: namespace})
		w.namespaces.add(named(namespace))
	}
}

func named(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}
