// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
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

// add begins to watch a kind, and says whether it was not watched before. heard is called with each object as it was and is: at the beginning, and
// after it was made, it was nil, and after it was deleted it is nil. The cache fills later.
func (w *watches) add(
	ctx context.Context, in watcher, gvk schema.GroupVersionKind, heard func(was, is client.Object),
) (isNew bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.informers[gvk] != nil {
		return false, nil
	}

	informer, err := in.GetInformer(ctx, ofKind(gvk), cache.BlockUntilSynced(false))
	if err == nil {
		_, err = informer.AddEventHandler(handlerOf(heard))
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
func (w *watches) remove(ctx context.Context, in watcher, gvk schema.GroupVersionKind) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.informers[gvk] == nil {
		return nil
	}

	delete(w.informers, gvk)

	if err := in.RemoveInformer(ctx, ofKind(gvk)); err != nil {
		return fmt.Errorf("stop watching objects of kind %s: %w", gvk.Kind, err)
	}

	return nil
}

func handlerOf(heard func(was, is client.Object)) toolscache.ResourceEventHandler {
	object := func(of any) client.Object {
		if gone, isGone := of.(toolscache.DeletedFinalStateUnknown); isGone {
			of = gone.Obj
		}

		is, _ := of.(client.Object) // the caches hold nothing else

		return is
	}
	tell := func(was, is client.Object) {
		if was != nil || is != nil {
			heard(was, is)
		}
	}

	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(is any) { tell(nil, object(is)) },
		UpdateFunc: func(was, is any) { tell(object(was), object(is)) },
		DeleteFunc: func(was any) { tell(object(was), nil) },
	}
}
