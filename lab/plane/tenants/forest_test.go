// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const (
	forestSize  = 200
	forestDepth = 4
	// forestPatience is for all tenants together, on a machine that others use too.
	forestPatience = 5 * time.Minute
)

// forest is tenants below the root, some of which are made to be deleted while others are still made.
type forest struct {
	*world

	trees    []*planned // parents before their children
	doomed   []*planned // each with all below it
	asked    atomic.Int32
	gone     atomic.Int32
	group    sync.WaitGroup // of those who make and delete
	isFelled bool
}

type planned struct {
	parent *planned // nil: the root
	object *v1alpha1.Tenant
	level  int
	// hasApplication says that it runs a Postgres.
	hasApplication bool
	// after is when it is deleted: when that many tenants were asked for. Zero: it stays, unless one above it goes.
	after int32
}

func (p *planned) namespace() string { return tenant.Namespace(p.object.Namespace, p.object.Name) }

func (p *planned) isDoomed() bool {
	return p != nil && (p.after > 0 || p.parent.isDoomed())
}

func newForest(t *testing.T, w *world, random *rand.Rand) *forest {
	t.Helper()

	f := &forest{world: w}
	within := []*planned{nil}

	for i := range forestSize {
		one := &planned{parent: within[random.IntN(len(within))], level: 1, hasApplication: random.IntN(10) == 0}
		namespace, spec := "tenant-root", v1alpha1.TenantSpec{
			Etcd: random.IntN(20) == 0, Monitoring: random.IntN(20) == 0, Ingress: random.IntN(20) == 0, SeaweedFS: random.IntN(40) == 0,
		}

		if one.parent != nil {
			namespace, one.level = one.parent.namespace(), one.parent.level+1
		}

		if random.IntN(20) == 0 {
			spec.Host = fmt.Sprintf("f%d.example.net", i)
		}

		// A tenant in one with bounds has bounds.
		if (one.level == 1 && random.IntN(4) == 0) || (one.level > 1 && one.parent.object.Spec.ResourceQuotas != nil) {
			spec.ResourceQuotas = bounded("cpu", []string{"", "100000", "400", "1500m", "5m"}[one.level])
		}

		one.object = unmade(namespace, fmt.Sprintf("f%d", i), spec)
		f.trees = append(f.trees, one)

		if one.level < forestDepth {
			within = append(within, one)
		}
	}

	f.doom(random)

	return f
}

// doom chooses about half of the tenants.
func (f *forest) doom(random *rand.Rand) {
	for {
		count := 0

		for _, one := range f.trees {
			if one.isDoomed() {
				count++
			}
		}

		if count >= forestSize/2 {
			return
		}

		if one := f.trees[random.IntN(forestSize)]; !one.isDoomed() {
			one.after = 1 + random.Int32N(forestSize)
			f.doomed = append(f.doomed, one)
		}
	}
}

// grow begins to make all tenants, parents before their children, and to delete those that are doomed.
func (f *forest) grow(t *testing.T) {
	t.Helper()

	made := map[*planned]chan struct{}{nil: make(chan struct{})}
	close(made[nil])

	for _, one := range f.trees {
		made[one] = make(chan struct{})
	}

	ctx, cancel := context.WithTimeout(t.Context(), forestPatience)
	t.Cleanup(func() {
		cancel()
		f.group.Wait()
	})

	for _, one := range f.trees {
		f.group.Go(func() {
			defer close(made[one])

			<-made[one.parent]
			f.try(ctx, t, one, "create", func() error { return f.make(ctx, one) })
			f.asked.Add(1)
		})
	}

	for _, one := range f.doomed {
		f.group.Go(func() {
			<-made[one]
			f.try(ctx, t, one, "delete", func() error {
				if f.asked.Load() < one.after {
					return errors.New("it is too early")
				}

				return f.delete(ctx, one.object)
			})
			f.gone.Add(1)
		})
	}
}

// try tries again: a tenant can't be made before its parent has a namespace.
func (f *forest) try(ctx context.Context, t *testing.T, one *planned, what string, act func() error) {
	t.Helper()

	for {
		err := act()
		if err == nil {
			return
		}

		select {
		case <-ctx.Done():
			t.Errorf("%s %s: %v", what, client.ObjectKeyFromObject(one.object), err)

			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// make makes the tenant, and perhaps an application in it. Where one above it is to be deleted it may be too late.
func (f *forest) make(ctx context.Context, one *planned) error {
	err := f.client.Create(ctx, one.object.DeepCopy())
	if err != nil && !apierrors.IsAlreadyExists(err) {
		if one.parent.isDoomed() && f.isLeaving(ctx, one.parent) {
			return nil
		}

		return err
	}

	if !one.hasApplication {
		return nil
	}

	application := ordered("Postgres", one.namespace(), "db")
	application.SetFinalizers(nil)

	err = f.client.Create(ctx, application)
	if one.isDoomed() && f.isLeaving(ctx, one) {
		return nil
	}

	return client.IgnoreAlreadyExists(err)
}

// isLeaving says whether the tenant or one above it was deleted, or was never made since one above it was.
func (f *forest) isLeaving(ctx context.Context, one *planned) bool {
	for ; one != nil; one = one.parent {
		var found v1alpha1.Tenant

		err := f.client.Get(ctx, client.ObjectKeyFromObject(one.object), &found)
		if apierrors.IsNotFound(err) || (err == nil && !found.DeletionTimestamp.IsZero()) {
			return true
		}
	}

	return false
}

// delete deletes a tenant with all below it. One that was never made is gone: one above it was deleted before.
func (f *forest) delete(ctx context.Context, object *v1alpha1.Tenant) error {
	var found v1alpha1.Tenant
	if err := f.client.Get(ctx, client.ObjectKeyFromObject(object), &found); err != nil {
		return client.IgnoreNotFound(err)
	}

	before := found.DeepCopy()
	metav1.SetMetaDataAnnotation(&found.ObjectMeta, v1alpha1.AnnotationConfirmDelete, found.Name)

	if err := f.client.Patch(ctx, &found, client.MergeFrom(before)); err != nil {
		return err
	}

	return f.client.Delete(ctx, &found)
}
