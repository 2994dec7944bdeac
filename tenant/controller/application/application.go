// SPDX-License-Identifier: Apache-2.0

// Package application publishes kinds of applications and runs their objects: an ApplicationDefinition becomes a
// CustomResourceDefinition, and each object of the kind a HelmRelease in the tenant's namespace, whose outcome the object's
// status tells.
//
// Two reconcilers share the work: one for definitions, and one for the objects of all kinds, whose watches come and go with
// what is published. Beside them are kept what the levels of tenants may do with the kinds, and who reads credentials. Nothing is
// polled: definitions wait for CustomResourceDefinitions by a watch of their metadata; objects are woken by their HelmRelease and
// one that has its name, by what the release made, by the cluster services they use, and by the tenant tree.
//
// What the rules are is the business of packages tenant and tenant/application. Here is no chart archive and no Helm.
package application

import (
	"fmt"
	"log/slog"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

const (
	// FieldManager is the name under which the fields are owned that are written here.
	FieldManager = "cozy-controller"

	labelManagedBy = "app.kubernetes.io/managed-by"

	// defaultWorkers keeps a hundred applications from waiting for one slow call.
	defaultWorkers = 8
)

// Tenants is what is known of the tenant tree. It is safe for concurrent use.
type Tenants interface {
	// IsKnown says whether the tree was looked at. Before that nothing is made of an object.
	IsKnown() bool
	// Resolved is what the tenant with that namespace resolves to. False: no accepted tenant has it.
	Resolved(namespace string) (tenant.Resolved, bool)
	// Listen has heard called with the namespaces whose answer changed; nil stands for all.
	Listen(heard func(namespaces []string))
}

// Chart is one of the platform's own charts.
type Chart struct {
	Version string
	// Schema is its values.schema.json. Nil: it has none.
	Schema []byte
}

// Options of the reconcilers. Tenants and Charts must be set.
type Options struct {
	Tenants Tenants
	// Charts are those that the platform serves, by name.
	Charts map[string]Chart
	// Platform is told to every release. Its ChartVersions are made from Charts.
	Platform application.Platform
	// Workers is how many objects are reconciled at once. Zero: 8.
	Workers int
	// Log gets what is made and deleted. Nil: discarded.
	Log *slog.Logger
}

// Setup adds the reconcilers to a manager whose scheme knows rbac/v1 and definition/v1alpha1, and whose cache of Roles,
// RoleBindings and ClusterRoles may be restricted to those with the controller's label: once for each manager, before it is
// started or after. The CRD of definitions must be established when they start.
func Setup(mgr manager.Manager, options Options) error {
	objects, err := watch.NewCache(mgr, labels.Everything())
	if err != nil {
		return fmt.Errorf("hold applications: %w", err)
	}

	belongs, err := newBelongings(mgr)
	if err != nil {
		return fmt.Errorf("hold what belongs to applications: %w", err)
	}

	strangers, err := newStrangers(mgr)
	if err != nil {
		return fmt.Errorf("hold what belongs to no application: %w", err)
	}

	w := &world{
		client: mgr.GetClient(), live: mgr.GetAPIReader(), objects: objects, belongings: belongs, strangers: strangers,
		mapper:  mgr.GetRESTMapper(),
		tenants: options.Tenants, kinds: &kinds{}, platform: options.platform(), now: time.Now, log: options.Log, events: mgr.GetEventRecorder(FieldManager),
		applications: &watch.Wakes[request]{}, waves: &watch.Wakes[wave]{}, namespaces: &watch.Wakes[reconcile.Request]{}, definitions: &watch.Wakes[reconcile.Request]{},
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}

	options.Tenants.Listen(w.tenantsChanged)

	err = ctrl.NewControllerManagedBy(mgr).Named("application-definition").
		For(&definition.ApplicationDefinition{}).
		WatchesMetadata(&apiextensionsv1.CustomResourceDefinition{}, handler.EnqueueRequestsFromMapFunc(w.definitionsOf)).
		WatchesRawSource(w.definitions).
		Complete(&publisher{world: w, charts: options.Charts})
	if err != nil {
		return fmt.Errorf("set up the reconciler of application definitions: %w", err)
	}

	if err := addLevels(mgr, w); err != nil {
		return err
	}

	if err := addController(mgr, "application", w.applications, options.workers(), &reconciler{w}); err != nil {
		return err
	}

	if err := addController(mgr, "application-wave", w.waves, 1, &waver{w}); err != nil {
		return err
	}

	return addController(mgr, "application-credentials", w.namespaces, 1, &credentials{w})
}

// addController adds a controller that is woken by hand.
func addController[key comparable](
	mgr manager.Manager, name string, wakes *watch.Wakes[key], workers int, does reconcile.TypedReconciler[key],
) error {
	made, err := controller.NewTyped(name, mgr, controller.TypedOptions[key]{
		MaxConcurrentReconciles: workers, Reconciler: does,
		RateLimiter: workqueue.DefaultTypedControllerRateLimiter[key](),
	})
	if err == nil {
		err = made.Watch(wakes)
	}

	if err != nil {
		return fmt.Errorf("set up the controller %s: %w", name, err)
	}

	return nil
}

func (o Options) workers() int {
	if o.Workers <= 0 {
		return defaultWorkers
	}

	return o.Workers
}

func (o Options) platform() application.Platform {
	platform := o.Platform
	platform.ChartVersions = make(map[string]string, len(o.Charts))

	for name, chart := range o.Charts {
		platform.ChartVersions[name] = chart.Version
	}

	return platform
}
