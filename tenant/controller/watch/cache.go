// SPDX-License-Identifier: Apache-2.0

// Package watch lets reconcilers watch kinds that come and go while they run: it has caches that hold such kinds, hears what
// they tell, and takes requests that are made by hand. What the kinds are, and what a change of an object means, it does not
// know.
package watch

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Informers is the part of a cache by which kinds are watched.
type Informers interface {
	GetInformer(ctx context.Context, object client.Object, options ...cache.InformerGetOption) (cache.Informer, error)
	RemoveInformer(ctx context.Context, object client.Object) error
}

// Cache is one of kinds that come and go, for those alone who made it: whoever else watched one of the kinds through a shared
// one would go deaf when its watch ends here, and these when it ends there.
type Cache struct{ cache.Cache }

// GetCache makes a manager start it with its own caches.
func (c Cache) GetCache() cache.Cache { return c.Cache }

// NewCache makes a cache of the objects with some labels, and adds it to a manager. It holds no kind yet. Reading one that is
// not watched, any more or yet, fails with cache.ErrResourceNotCached: waiting for a kind that is gone would take for ever.
func NewCache(mgr manager.Manager, selected labels.Selector) (Cache, error) {
	made, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultLabelSelector: selected, DefaultTransform: cache.TransformStripManagedFields(), ReaderFailOnMissingInformer: true,
	})
	if err != nil {
		return Cache{}, fmt.Errorf("make a cache: %w", err)
	}

	if err := mgr.Add(Cache{made}); err != nil {
		return Cache{}, fmt.Errorf("add a cache to the manager: %w", err)
	}

	return Cache{made}, nil
}
