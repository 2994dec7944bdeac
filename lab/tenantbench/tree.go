// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const (
	// depth is how many levels there are below the root.
	depth = 4
	// creators is how many requests make tenants at a time.
	creators = 16
)

// forest is the tenants below the root: chains of at most depth tenants, each chain's first one made in the root.
type forest struct{ size int }

// chains is how many there are.
func (f forest) chains() int { return (f.size + depth - 1) / depth }

// next are the tenants to make when tenant i is Ready: the one below it in its chain, if the size has one.
func (f forest) next(i int) (int, bool) {
	below := i + f.chains()

	return below, below < f.size
}

// home is the namespace that tenant i lives in.
func (f forest) home(i int) string {
	if i < f.chains() {
		return tenant.RootNamespace
	}

	above := i - f.chains()

	return tenant.Namespace(f.home(above), f.name(above))
}

func (f forest) name(i int) string { return fmt.Sprintf("t%d", i) }

// grow makes all tenants and returns when the last is Ready. A tenant is made as soon as the one above it is Ready.
func (r *rig) grow(ctx context.Context, f forest) (time.Duration, error) {
	index := map[client.ObjectKey]int{}
	for i := range f.size {
		index[client.ObjectKey{Namespace: f.home(i), Name: f.name(i)}] = i
	}

	due, ready := make(chan int, f.size), make(chan int, f.size)
	group, ctx := errgroup.WithContext(ctx)

	for range creators {
		group.Go(func() error { return r.create(ctx, f, due) })
	}

	stop, err := r.onTenants(ctx, once(func(t *v1alpha1.Tenant) (int, bool) {
		i, isOurs := index[client.ObjectKeyFromObject(t)]

		return i, isOurs && meta.IsStatusConditionTrue(t.Status.Conditions, v1alpha1.ConditionReady)
	}, ready))
	if err != nil {
		return 0, err
	}
	defer stop()

	began := time.Now()

	for i := range f.chains() {
		due <- i
	}

	group.Go(func() error {
		defer close(due)

		for range f.size {
			select {
			case i := <-ready:
				if below, isThere := f.next(i); isThere {
					due <- below
				}
			case <-ctx.Done():
				return fmt.Errorf("not all tenants became Ready: %w", context.Cause(ctx))
			}
		}

		return nil
	})

	err = group.Wait()

	return time.Since(began), err
}

func (r *rig) create(ctx context.Context, f forest, due <-chan int) error {
	for i := range due {
		one := &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: f.home(i), Name: f.name(i)}}
		if err := r.client.Create(ctx, one); err != nil {
			return fmt.Errorf("create tenant %d in %s: %w", i, one.Namespace, err)
		}
	}

	return nil
}

// onTenants calls see with every tenant as it is and whenever it changes, one after the other, until stop is called.
func (r *rig) onTenants(ctx context.Context, see func(*v1alpha1.Tenant)) (stop func(), err error) {
	informer, err := r.tenants.GetInformer(ctx, &v1alpha1.Tenant{})
	if err != nil {
		return nil, fmt.Errorf("watch tenants: %w", err)
	}

	handle, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { see(object.(*v1alpha1.Tenant)) },
		UpdateFunc: func(_, object any) { see(object.(*v1alpha1.Tenant)) },
	})
	if err != nil {
		return nil, fmt.Errorf("watch tenants: %w", err)
	}

	return func() { _ = informer.RemoveEventHandler(handle) }, nil // the cache ends soon, and with it the handler
}

// once sends what was found in a tenant the first time that it is. The channel must have room for all.
func once[T comparable](find func(*v1alpha1.Tenant) (T, bool), to chan<- T) func(*v1alpha1.Tenant) {
	sent := map[T]bool{}

	return func(t *v1alpha1.Tenant) {
		if one, isFound := find(t); isFound && !sent[one] {
			sent[one] = true
			to <- one
		}
	}
}
