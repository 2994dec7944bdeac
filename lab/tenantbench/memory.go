// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/lab/load"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// depots is a kind of applications, of a chart that nobody installs.
const depots = `
apiVersion: cozystack.io/v1alpha1
kind: ApplicationDefinition
metadata: {name: depot}
spec:
  application:
    kind: Depot
    singular: depot
    plural: depots
    openAPISchema: '{"type": "object", "properties": {"size": {"type": "integer"}, "label": {"type": "string"}}}'
  release:
    prefix: depot-
    chart: {name: depot, version: "1.0.0", sourceRef: {name: elsewhere, namespace: cozy-system}}
`

func depotKind() schema.GroupVersionKind { return v1alpha1.GroupVersion.WithKind("Depot") }

func releaseKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"}
}

// filled is what the controller's caches hold, and what that takes.
type filled struct {
	tenants, applications, objects int
	took                           time.Duration
	cost                           sample
}

// measureFilled fills the controller's caches with applications of a few tenants, and with their Helm releases.
func measureFilled(ctx context.Context, o options, out io.Writer) (missed, failed error) {
	fmt.Fprintf(out, "%d objects. Load average before: %s.\n", o.objects, load.Average())

	var f filled

	err := onRig(ctx, func(ctx context.Context, r *rig) (err error) {
		f, err = r.fill(ctx, o.objects)

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%d objects: %w", o.objects, err)
	}

	fmt.Fprintf(out, "\n| objects | of these applications, and as many releases | tenants | all released s | requests for each application | "+
		"CPU ms | peak of memory MB | limit MB | heap MB |\n|%s\n| %d | %d | %d | %.1f | %.1f | %.1f | %.0f | %.0f | %.0f |\n", strings.Repeat("---|", 9),
		f.objects, f.applications, f.tenants, f.took.Seconds(), f.cost.all()/float64(f.applications), f.cost.cpu*1000/float64(f.applications),
		f.cost.peak/1e6, maxMemory/1e6, f.cost.heap/1e6)

	if f.cost.peak > maxMemory {
		missed = fmt.Errorf("with %d objects the controller had %.0f MB, the limit is %.0f", f.objects, f.cost.peak/1e6, maxMemory/1e6)
	}

	return missed, nil
}

// tenantOf100 is of how many objects one is a tenant.
const tenantOf100 = 100

func (r *rig) fill(ctx context.Context, objects int) (filled, error) {
	if err := r.publishDepots(ctx); err != nil {
		return filled{}, err
	}

	f := filled{tenants: max(1, objects/tenantOf100)}
	trees := forest{f.tenants}

	if _, err := r.grow(ctx, trees); err != nil {
		return filled{}, err
	}

	before, err := r.settled(ctx)
	if err != nil {
		return filled{}, err
	}

	there, err := r.objects(ctx, depotKind(), releaseKind())
	if err != nil {
		return filled{}, err
	}

	f.applications = max(1, (objects-there+1)/2)
	began := time.Now()

	if err := errors.Join(r.order(ctx, trees, f.applications), r.released(ctx, f.applications)); err != nil {
		return filled{}, err
	}

	f.took = time.Since(began)

	now, err := r.settled(ctx)
	if err != nil {
		return filled{}, err
	}

	f.cost = now.since(before)
	f.objects, err = r.objects(ctx, depotKind(), releaseKind())

	return f, err
}

// publishDepots returns when the API server serves them.
func (r *rig) publishDepots(ctx context.Context) error {
	if err := r.makeHelmReleases(ctx); err != nil {
		return err
	}

	definition := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(depots), &definition.Object); err != nil {
		return err
	}

	if err := r.client.Create(ctx, definition); err != nil {
		return fmt.Errorf("define an application: %w", err)
	}

	return wait.Until(ctx, wait.Check{
		Title: "applications are served", Interval: 200 * time.Millisecond, Timeout: time.Minute,
		Probe: func(ctx context.Context) error {
			_, err := r.count(ctx, counting{kind: depotKind()})

			return err
		},
	})
}

// order creates applications, in each tenant as many as in the others.
func (r *rig) order(ctx context.Context, trees forest, applications int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(creators)

	for i := range applications {
		group.Go(func() error {
			of := i % trees.size
			one := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": int64(3), "label": "one of many"}}}
			one.SetGroupVersionKind(depotKind())
			one.SetNamespace(tenant.Namespace(trees.home(of), trees.name(of)))
			one.SetName(fmt.Sprintf("d%d", i))

			if err := r.client.Create(ctx, one); err != nil {
				return fmt.Errorf("order %s in %s: %w", one.GetName(), one.GetNamespace(), err)
			}

			return nil
		})
	}

	return group.Wait()
}

// released waits until each application has its release.
func (r *rig) released(ctx context.Context, applications int) error {
	return wait.Until(ctx, wait.Check{
		Title: "applications have releases", Interval: time.Second, Timeout: sizeTimeout,
		Probe: func(ctx context.Context) error {
			found, err := r.count(ctx, counting{kind: releaseKind()})
			if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || (err == nil && found < applications) {
				return fmt.Errorf("%d of %d", found, applications)
			}

			return err
		},
	})
}
