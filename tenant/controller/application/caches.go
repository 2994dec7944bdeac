// SPDX-License-Identifier: Apache-2.0

package application

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/cozystack/cozy-install/tenant/application"
)

// ownCache is a cache of these reconcilers alone: whoever else watches one of the kinds through a shared one would go deaf when
// the kind is withdrawn here, and these when it is there.
type ownCache struct{ cache.Cache }

// GetCache makes the manager start it with its caches.
func (c ownCache) GetCache() cache.Cache { return c.Cache }

// newCache makes a cache of the objects with some labels, and adds it to a manager. Reading a kind that is not watched, any
// more or yet, fails with cache.ErrResourceNotCached: waiting for a kind that is gone would take for ever.
func newCache(mgr manager.Manager, selected labels.Selector) (ownCache, error) {
	made, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultLabelSelector: selected, DefaultTransform: cache.TransformStripManagedFields(), ReaderFailOnMissingInformer: true,
	})
	if err != nil {
		return ownCache{}, err //nolint:wrapcheck // the caller says of what
	}

	if err := mgr.Add(ownCache{made}); err != nil {
		return ownCache{}, fmt.Errorf("add it to the manager: %w", err)
	}

	return ownCache{made}, nil
}

// newBelongings makes a cache of what belongs to applications: their HelmReleases, and of what the releases made the kinds whose
// health is judged. What belongs to nobody, or to others, it does not see.
func newBelongings(mgr manager.Manager) (ownCache, error) {
	isSomebodys, err := labels.NewRequirement(application.LabelKind, selection.Exists, nil)
	if err != nil {
		return ownCache{}, fmt.Errorf("select by label %s: %w", application.LabelKind, err)
	}

	return newCache(mgr, labels.NewSelector().Add(*isSomebodys))
}
