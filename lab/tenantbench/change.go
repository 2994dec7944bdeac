// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// change is that the root runs one service more.
type change struct {
	// took is from the write until the last tenant's status has it.
	took time.Duration
	cost sample
}

// measureTree makes a tree and turns the services of its root on, one after the other: others are busy on the machine at one time
// or another.
func (r *rig) measureTree(ctx context.Context, size int) (point, error) {
	before, err := r.settled(ctx)
	if err != nil {
		return point{}, err
	}

	ready, err := r.grow(ctx, forest{size})
	if err != nil {
		return point{}, err
	}

	now, err := r.settled(ctx)
	if err != nil {
		return point{}, err
	}

	made := point{size: size, ready: ready, cost: now.since(before)}

	for _, service := range tenant.Services() {
		one := change{}

		if one.took, err = r.turnOn(ctx, service, size); err != nil {
			return point{}, err
		}

		before = now
		if now, err = r.settled(ctx); err != nil {
			return point{}, err
		}

		one.cost = now.since(before)
		made.changes = append(made.changes, one)
	}

	if made.objects, err = r.objects(ctx); err != nil {
		return point{}, err
	}

	made.floor, err = r.floor(ctx, forest{size})

	return made, err
}

// turnOn has the root run a service, and returns when every tenant below says so.
func (r *rig) turnOn(ctx context.Context, service tenant.Service, size int) (time.Duration, error) {
	reached := make(chan client.ObjectKey, size)

	stop, err := r.onTenants(ctx, once(func(t *v1alpha1.Tenant) (client.ObjectKey, bool) {
		return client.ObjectKeyFromObject(t), t.Name != tenant.RootName && provider(t, service) == tenant.RootNamespace
	}, reached))
	if err != nil {
		return 0, err
	}
	defer stop()

	root := &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: tenant.RootNamespace, Name: tenant.RootName}}
	began := time.Now()

	err = r.client.Patch(ctx, root, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec": {%q: true}}`, service.String())))
	if err != nil {
		return 0, fmt.Errorf("turn %s of the root on: %w", service, err)
	}

	for n := range size {
		select {
		case <-reached:
		case <-ctx.Done():
			return 0, fmt.Errorf("of %d tenants %d have the root's %s: %w", size, n, service, context.Cause(ctx))
		}
	}

	return time.Since(began), nil
}

// provider is the namespace of who provides a service, as the tenant's status has it. Empty: nobody.
func provider(t *v1alpha1.Tenant, service tenant.Service) string {
	for name, one := range t.Status.Services.All() {
		if name == service.String() {
			return one.Namespace
		}
	}

	return ""
}
