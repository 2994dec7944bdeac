// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// watches are the kinds that are watched, and that can therefore be read from a cache. The zero value has none. It is safe for
// concurrent use.
type watches struct {
	mu        sync.Mutex
	informers map[schema.GroupVersionKind]cache.Informer
}

// isFilled says whether the cache has all objects of a kind. Reading before that would block whoever reads.
func (w *watches) isFilled(gvk schema.GroupVersionKind) bool {
	w.mu.Lock()
	defer w.mu.Unlock()

	informer := w.informers[gvk]

	return informer != nil && informer.HasSynced()
}

// isFilling says whether a kind is watched, and its cache has not all objects yet.
func (w *watches) isFilling(gvk schema.GroupVersionKind) bool {
	w.mu.Lock()
	defer w.mu.Unlock()

	informer := w.informers[gvk]

	return informer != nil && !informer.HasSynced()
}

// add begins to watch the kind of an object, and says whether it was not watched before. heard is called as watch.Handler says. The cache fills
// later.
func (w *watches) add(
	ctx context.Context, in watch.Informers, object client.Object, heard func(was, is client.Object),
) (isNew bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()

	gvk := object.GetObjectKind().GroupVersionKind()
	if w.informers[gvk] != nil {
		return false, nil
	}

	informer, err := in.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err == nil {
		_, err = informer.AddEventHandler(watch.Handler(heard))
	}

	if err != nil {
		return false, fmt.Errorf("watch objects of kind %s: %w", gvk.Kind, err)
	}

	if w.informers == nil {
		w.informers = map[schema.GroupVersionKind]cache.Informer{}
	}

	w.informers[gvk] = informer

	return true, nil
}

// remove ends the watch of a kind, as it is not served any more.
func (w *watches) remove(ctx context.Context, in watch.Informers, gvk schema.GroupVersionKind) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.informers[gvk] == nil {
		return nil
	}

	delete(w.informers, gvk)

	if err := in.RemoveInformer(ctx, watch.Object(gvk)); err != nil {
		return fmt.Errorf("stop watching objects of kind %s: %w", gvk.Kind, err)
	}

	return nil
}

// newBelongings makes a cache of what belongs to applications: their HelmReleases, and of what the releases made the kinds whose
// health is judged. What belongs to nobody, or to others, it does not see.
func newBelongings(mgr manager.Manager) (watch.Cache, error) {
	return newLabelled(mgr, selection.Exists)
}

// newStrangers makes a cache of what belongs to no application.
func newStrangers(mgr manager.Manager) (watch.Cache, error) {
	return newLabelled(mgr, selection.DoesNotExist)
}

func newLabelled(mgr manager.Manager, whether selection.Operator) (watch.Cache, error) {
	isSomebodys, err := labels.NewRequirement(application.LabelKind, whether, nil)
	if err != nil {
		return watch.Cache{}, fmt.Errorf("select by label %s: %w", application.LabelKind, err)
	}

	return watch.NewCache(mgr, labels.NewSelector().Add(*isSomebodys))
}
