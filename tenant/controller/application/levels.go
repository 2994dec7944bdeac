// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	rbacac "k8s.io/client-go/applyconfigurations/rbac/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// labelAggregate makes a ClusterRole a part of the one whose name follows: chart tenant-roles sums them up.
const labelAggregate = "rbac.cozystack.io/aggregate-to-"

// LevelRole is the name of the ClusterRole that holds what a level may do with the kinds of applications: admin ->
// tenant-admin-applications.
func LevelRole(level tenant.Level) string { return tenant.Account(level) + "-applications" }

// levels keeps what the levels of tenants may do with objects of the kinds that are published. There is one ClusterRole for a
// level, whatever kinds there are, so that the controller need not be allowed to write others. It holds nothing that the
// controller may not do itself: the API server sees to that.
//
// A kind has its rights as long as its CustomResourceDefinition is there, also when its definition is gone: whoever has
// objects of it can still delete them.
type levels struct{ *world }

// addLevels adds the reconciler to a manager.
func addLevels(mgr manager.Manager, w *world) error {
	all := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []reconcile.Request {
		if object.GetLabels()[labelManagedBy] != FieldManager {
			return nil
		}

		return []reconcile.Request{{}} // they are looked at together
	})

	err := ctrl.NewControllerManagedBy(mgr).Named("application-levels").
		WatchesMetadata(&apiextensionsv1.CustomResourceDefinition{}, all).
		Watches(&rbacv1.ClusterRole{}, all).
		Complete(&levels{w})
	if err != nil {
		return fmt.Errorf("set up the reconciler of what levels may do with applications: %w", err)
	}

	return nil
}

// Reconcile looks at all kinds that were published, and writes only a difference.
func (l *levels) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	crds := watch.MetadataList(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	if err := l.client.List(ctx, crds, client.MatchingLabels(managedLabels())); err != nil {
		return reconcile.Result{}, fmt.Errorf("list kinds of applications: %w", err)
	}

	var ordered, services []string

	for i := range crds.Items {
		plural, isOurs := strings.CutSuffix(crds.Items[i].Name, "."+v1alpha1.GroupVersion.Group)

		switch _, isService := tenant.ServiceOf(crds.Items[i].Labels[application.LabelKind]); {
		case !isOurs || crds.Items[i].Labels[application.LabelDefinition] == "":
		case isService:
			services = append(services, plural)
		default:
			ordered = append(ordered, plural)
		}
	}

	for level, rules := range rulesOf(ordered, services) {
		if err := l.keep(ctx, level, rules); err != nil {
			return reconcile.Result{}, err
		}
	}

	return reconcile.Result{}, nil
}

// rulesOf are what each level has beyond those below it. Objects that run a cluster service come and go with the flag of their
// tenant; only what they ask for is their users'.
func rulesOf(ordered, services []string) map[tenant.Level][]rbacv1.PolicyRule {
	return map[tenant.Level][]rbacv1.PolicyRule{
		tenant.View:       onKinds(slices.Concat(ordered, services), "get", "list", "watch"),
		tenant.Admin:      onKinds(ordered, "create", "update", "patch", "delete", "deletecollection"),
		tenant.SuperAdmin: onKinds(services, "update", "patch"),
	}
}

// onKinds is nil where there is no kind: a rule without resources is none.
func onKinds(plurals []string, verbs ...string) []rbacv1.PolicyRule {
	if len(plurals) == 0 {
		return nil
	}

	slices.Sort(plurals)

	return []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: plurals, Verbs: verbs}}
}

func (l *levels) keep(ctx context.Context, level tenant.Level, rules []rbacv1.PolicyRule) error {
	name, label := LevelRole(level), labelAggregate+tenant.Account(level)

	var found rbacv1.ClusterRole

	err := l.client.Get(ctx, client.ObjectKey{Name: name}, &found)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("get ClusterRole %s: %w", name, err)
	}

	// One that is not there has no rules.
	if equality.Semantic.DeepEqual(found.Rules, rules) && (len(rules) == 0 || found.Labels[label] == "true") {
		return nil
	}

	wanted := rbacac.ClusterRole(name).WithLabels(managedLabels()).WithLabels(map[string]string{label: "true"}).WithRules(applied(rules)...)
	if err := l.apply(ctx, name, wanted); err != nil {
		return err
	}

	l.log.InfoContext(ctx, "changed what a level may do with kinds of applications", "level", level)

	return nil
}
