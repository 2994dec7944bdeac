// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// class is what a step of a deletion is about.
type class int

const (
	applications class = iota
	services
	releases
)

// fillTimeout bounds the wait for a first list of what a kind has.
const fillTimeout = 30 * time.Second

// ordered is what people ordered in tenants' namespaces: objects of kinds that come and go. Nobody asks for it but tenants that
// are being deleted, so the kinds are watched only while there are any.
type ordered struct {
	// served are the kinds that the API server has in apps.cozystack.io.
	served func() ([]string, error)
	// releaseKind is Flux's; false where the cluster has none.
	releaseKind func() (schema.GroupVersionKind, bool, error)
	// live reads past caches: what is gone must not be waited for, nor what is there be passed over.
	live client.Reader
	// informers wake whoever waits. Nil: nobody is woken.
	informers watch.Informers
	// heard is called with the namespace of each object that changed. It must not block.
	heard func(namespace string)

	mu       sync.Mutex
	askers   map[types.NamespacedName]bool
	watching []schema.GroupVersionKind
}

// list is all objects of a class in a namespace, for a tenant that is being deleted. Those kinds are watched from then on, until
// the last such tenant is forgotten.
func (o *ordered) list(
	ctx context.Context, asker types.NamespacedName, of class, namespace string,
) ([]metav1.PartialObjectMetadata, error) {
	kinds, err := o.kinds(of)
	if err != nil {
		return nil, err
	}

	var all []metav1.PartialObjectMetadata

	for _, kind := range kinds {
		// First, so that what goes after the list is heard of.
		if err := o.attend(ctx, asker, kind); err != nil {
			return nil, err
		}

		list := watch.MetadataList(kind)

		err := o.live.List(ctx, list, client.InNamespace(namespace))

		switch {
		case apierrors.IsNotFound(err), meta.IsNoMatchError(err): // it went meanwhile, and all of its objects with it
			continue
		case err != nil:
			return nil, fmt.Errorf("list objects of kind %s in %s: %w", kind.Kind, namespace, err)
		}

		for i := range list.Items {
			list.Items[i].SetGroupVersionKind(kind)
		}

		all = append(all, list.Items...)
	}

	return all, nil
}

// kinds are those of a class that the API server has now.
func (o *ordered) kinds(of class) ([]schema.GroupVersionKind, error) {
	if of == releases {
		kind, isServed, err := o.releaseKind()
		if err != nil || !isServed {
			return nil, err
		}

		return []schema.GroupVersionKind{kind}, nil
	}

	served, err := o.served()
	if err != nil {
		return nil, err
	}

	var kinds []schema.GroupVersionKind

	for _, kind := range served {
		_, isService := tenant.ServiceOf(kind)
		isOurs := kind == v1alpha1.TenantKind || kind == v1alpha1.TenantLimitsKind

		if !isOurs && isService == (of == services) {
			kinds = append(kinds, v1alpha1.GroupVersion.WithKind(kind))
		}
	}

	slices.SortFunc(kinds, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.Kind, b.Kind) })

	return kinds, nil
}

// attend watches a kind, and returns when all of its objects are known.
func (o *ordered) attend(ctx context.Context, asker types.NamespacedName, kind schema.GroupVersionKind) error {
	if o.informers == nil {
		return nil
	}

	o.mu.Lock()
	defer o.mu.Unlock()

	if o.askers == nil {
		o.askers = map[types.NamespacedName]bool{}
	}

	o.askers[asker] = true

	if slices.Contains(o.watching, kind) {
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()

	informer, err := o.informers.GetInformer(ctx, watch.Metadata(kind))
	if err == nil {
		_, err = informer.AddEventHandler(watch.Handler(o.told))
	}

	if err != nil {
		return fmt.Errorf("watch objects of kind %s: %w", kind.Kind, err)
	}

	o.watching = append(o.watching, kind)

	return nil
}

// forget ends the watches when no tenant is being deleted any more.
func (o *ordered) forget(ctx context.Context, asker types.NamespacedName) error {
	o.mu.Lock()
	defer o.mu.Unlock()

	delete(o.askers, asker)

	if len(o.askers) > 0 {
		return nil
	}

	for len(o.watching) > 0 {
		last := o.watching[len(o.watching)-1]
		if err := o.informers.RemoveInformer(ctx, watch.Metadata(last)); err != nil {
			return fmt.Errorf("stop watching objects of kind %s: %w", last.Kind, err)
		}

		o.watching = o.watching[:len(o.watching)-1]
	}

	return nil
}

// told wakes whoever waits for an object that changed.
func (o *ordered) told(was, is client.Object) {
	if is == nil {
		is = was
	}

	o.heard(is.GetNamespace())
}
