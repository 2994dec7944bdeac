// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/lab/owncharts"
	"github.com/cozystack/cozy-install/lab/plane"
	"github.com/cozystack/cozy-install/manifests"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const systemNamespace = "cozy-system"

// rig is a plane with the platform's own charts and a running controller.
type rig struct {
	plane   *plane.Plane
	client  client.Client
	tenants cache.Cache
	metrics string // address of the controller's
	pid     int    // the controller's
}

// onRig makes a rig, measures on it, and leaves nothing running.
func onRig(ctx context.Context, measure func(context.Context, *rig) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, sizeTimeout)
	defer cancel()

	dir, err := os.MkdirTemp("", "cozy-install-tenantbench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	p, err := plane.Run(ctx, plane.Config{Dir: filepath.Join(dir, "plane"), WithoutFlux: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Err(), p.Stop()) }()

	group, life := errgroup.WithContext(ctx)
	defer func() { cancel(); err = errors.Join(err, group.Wait()) }()

	r := &rig{plane: p}
	if err := r.assemble(life, group, dir); err != nil {
		return err
	}

	if err = r.makeRoot(life); err == nil {
		err = measure(life, r)
	}

	if err != nil {
		err = fmt.Errorf("%w; the controller said last:\n%s", err, tail(filepath.Join(dir, controllerLog)))
	}

	return err
}

func (r *rig) assemble(ctx context.Context, group *errgroup.Group, dir string) error {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}

	config := r.plane.RESTConfig()
	config.QPS = -1 // who makes the tenants must not be what is slow

	var err error
	if r.client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}

	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: systemNamespace}}
	if err := r.client.Create(ctx, namespace); err != nil {
		return fmt.Errorf("create namespace %s: %w", systemNamespace, err)
	}

	own, err := manifests.NewRepository(manifests.Charts())
	if err != nil {
		return err
	}

	for _, chart := range []string{"cozy-controller", "tenant-api", "tenant-admission", "tenant-roles"} {
		if err := r.install(ctx, own, chart); err != nil {
			return err
		}
	}

	if err := r.makeCiliumKinds(ctx); err != nil {
		return err
	}

	if r.tenants, err = cache.New(config, cache.Options{Scheme: scheme}); err != nil {
		return err
	}

	group.Go(func() error { return r.tenants.Start(ctx) })

	return r.startController(ctx, group, dir)
}

// install applies what a chart makes, but for what would run in pods.
func (r *rig) install(ctx context.Context, own *manifests.Repository, chart string) error {
	objects, err := owncharts.Objects(ctx, own, chart, systemNamespace)
	if err != nil {
		return err
	}

	for _, object := range objects {
		err := r.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("tenantbench"), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s %s of chart %s: %w", object.GetKind(), object.GetName(), chart, err)
		}
	}

	return nil
}

// makeRoot makes tenant-root, which the controller adopts.
func (r *rig) makeRoot(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant.RootNamespace}}
	if err := r.client.Create(ctx, namespace); err != nil {
		return fmt.Errorf("create namespace %s: %w", tenant.RootNamespace, err)
	}

	root := &v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant.RootNamespace, Name: tenant.RootName},
		Spec:       v1alpha1.TenantSpec{Host: "example.org"},
	}

	return wait.Until(ctx, wait.Check{
		Title: "the root is Ready", Interval: 100 * time.Millisecond, Timeout: time.Minute,
		Probe: func(ctx context.Context) error {
			if err := r.client.Create(ctx, root.DeepCopy()); err != nil && !apierrors.IsAlreadyExists(err) {
				return err // the CRD is not served yet
			}

			var found v1alpha1.Tenant
			if err := r.client.Get(ctx, client.ObjectKeyFromObject(root), &found); err != nil {
				return err
			}

			if !meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionReady) {
				return fmt.Errorf("conditions: %v", found.Status.Conditions)
			}

			return nil
		},
	})
}
