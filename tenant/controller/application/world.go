// SPDX-License-Identifier: Apache-2.0

package application

import (
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
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
	objects, belongings kindCache
	// strangers tells of the HelmReleases that belong to no application, which may have an application's name.
	strangers watch.Informers
	mapper    meta.RESTMapper

	tenants Tenants
	kinds   *kinds
	watches watches
	// strangerWatches are those of strangers.
	strangerWatches watches
	platform        application.Platform
	now             func() time.Time
	log             *slog.Logger
	// events go on applications and definitions. Nil: there are none.
	events events.EventRecorder

	applications            *watch.Wakes[request]
	waves                   *watch.Wakes[wave]
	namespaces, definitions *watch.Wakes[reconcile.Request]
}

// kindCache has the objects of the kinds that are watched in it.
type kindCache interface {
	client.Reader
	watch.Informers
}

// tenantsChanged wakes everything in these namespaces; nil stands for all.
func (w *world) tenantsChanged(namespaces []string) {
	if namespaces == nil {
		w.waves.Add(wave{})
	}

	for _, namespace := range namespaces {
		w.waves.Add(wave{namespace: namespace})
		w.namespaces.Add(named(namespace))
	}
}

func named(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}
