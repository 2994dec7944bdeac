// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// kindCache has the objects of kinds, for the reconcilers of tenants alone: whoever else watches one of the kinds through a
// shared cache would go deaf when its watch ends here, and these when it ends there.
type kindCache struct{ cache.Cache }

// GetCache makes the manager start it with its caches.
func (c kindCache) GetCache() cache.Cache { return c.Cache }

// newKindCache makes it and adds it to a manager. Reading a kind that is not watched fails with cache.ErrResourceNotCached:
// waiting for a kind that is gone would take for ever.
func newKindCache(mgr manager.Manager) (kindCache, error) {
	made, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultTransform: cache.TransformStripManagedFields(), ReaderFailOnMissingInformer: true,
	})
	if err != nil {
		return kindCache{}, fmt.Errorf("make a cache of kinds of applications: %w", err)
	}

	if err := mgr.Add(kindCache{made}); err != nil {
		return kindCache{}, fmt.Errorf("add the cache of kinds of applications: %w", err)
	}

	return kindCache{made}, nil
}
