// SPDX-License-Identifier: Apache-2.0

// Package controller brings every Tenant to the state its spec asks for, the root first: it adopts the namespace
// tenant-root and Tenant/root, makes and labels the namespaces of the others, isolates their networks, says who has which
// level in them and how much they may use, tells admission which hosts are held and what is left of quotas, writes in the
// status what each tenant resolves to, and takes tenants down with all below them, in order.
//
// Two reconcilers share the work. One resolves the whole tree from the cache when a tenant appears, changes or goes, once for
// all that did so within a moment, and hands the tenants whose answer changed to the other, which brings one tenant to its
// state. So a change at the root reaches every tenant below in one pass, n tenants cost n reconciles, and few passes.
//
// What the rules are is package tenant's business, and that of tenant/policy. Here is no Helm, and no polling but for what is
// left of a tenant that was lost, and for an object that goes with a service's data.
package controller

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// FieldManager is the name under which the controller owns the fields it writes.
const FieldManager = "cozy-controller"

// defaultWorkers keeps a hundred tenants from waiting for one slow call, and one controller from crowding the API server.
const defaultWorkers = 8

// Options of the reconcilers. The zero value is good.
type Options struct {
	// Workers is how many tenants are reconciled at once. Zero: 8.
	Workers int
	// Site is what the networks of tenants are isolated from, and with what. Nil: they are not, and their conditions say so.
	Site *policy.Site
	// Tenants is told what becomes of the tree, for one controller. Nil: nobody asks.
	Tenants *Tenants
	// Metrics shows the controller's own numbers. Nil: they are not shown.
	Metrics prometheus.Registerer
	// Log gets what is made and deleted. Nil: discarded.
	Log *slog.Logger
}

// Setup adds both reconcilers to a manager whose scheme knows v1alpha1 and core/v1: once for each manager, before it is
// started or after. The CRD of tenants must be established when they start.
func Setup(mgr manager.Manager, options Options) error {
	workers := options.Workers
	if workers <= 0 {
		workers = defaultWorkers
	}

	log := options.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	numbers, err := newMetrics(options.Metrics)
	if err != nil {
		return err
	}

	tenants := options.Tenants
	if tenants == nil {
		tenants = NewTenants()
	}

	shared := tenants.tree
	woken := &watch.Wakes[reconcile.Request]{}
	hearing := &hearing{tree: shared, tenants: woken, pass: &passes{}}
	hearing.pass.ask() // where there is no tenant, too: Tenants.IsKnown

	applications, err := watch.NewCache(mgr, labels.Everything())
	if err != nil {
		return fmt.Errorf("hold kinds of applications: %w", err)
	}

	served := &kinds{
		areOurs: areApplications, version: v1alpha1.GroupVersion.Version,
		cache: applications, crds: mgr.GetCache(), live: mgr.GetAPIReader(), heard: hearing.object, log: log,
	}

	policies, err := watch.NewCache(mgr, labels.SelectorFromSet(ManagedLabels()))
	if err != nil {
		return fmt.Errorf("hold policies of Cilium: %w", err)
	}

	ciliums := &kinds{
		areOurs: areCiliums, version: policy.GroupVersionCilium().Version,
		cache: policies, crds: mgr.GetCache(), live: mgr.GetAPIReader(), heard: hearing.policy, log: log,
	}

	hearing.pass.makes = &resolver{
		reader: mgr.GetClient(), kinds: served, applications: applications, tree: shared, tenants: woken,
		metrics: numbers,
	}

	err = ctrl.NewControllerManagedBy(mgr).Named("tenant-tree").
		Watches(&v1alpha1.Tenant{}, hearing.pass.onChange(), builder.WithPredicates(movesTheTree())).
		Watches(&corev1.ResourceQuota{}, hearing.pass.onFreed(shared)).
		WatchesRawSource(&hearing.pass.wakes).
		Complete(hearing.pass)
	if err != nil {
		return fmt.Errorf("set up the resolver of the tenant tree: %w", err)
	}

	left, err := newOrdered(mgr, shared, woken)
	if err != nil {
		return err
	}

	err = wakeTouched(ctrl.NewControllerManagedBy(mgr), shared).Named("tenant").
		For(&v1alpha1.Tenant{}).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(shared.tenantsOf)).
		Watches(volumeClaim(), handler.EnqueueRequestsFromMapFunc(shared.tenantAround)).
		WatchesRawSource(woken).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&reconciler{
			client: mgr.GetClient(), live: mgr.GetAPIReader(), kinds: served, applications: applications,
			ciliums: ciliums, policies: policies,
			tree: shared, ordered: left, now: time.Now, site: options.Site, log: log,
			events: mgr.GetEventRecorder(FieldManager), metrics: numbers,
		})
	if err != nil {
		return fmt.Errorf("set up the reconciler of tenants: %w", err)
	}

	return errors.Join(
		watchKinds(mgr, &kindWatcher{name: "tenant-kinds", kinds: served, heard: hearing.kind}),
		watchKinds(mgr, &kindWatcher{name: "tenant-policy-kinds", kinds: ciliums, heard: hearing.all}),
	)
}
