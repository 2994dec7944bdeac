// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// Reasons of the condition Deleting: what is being removed, in order.
const (
	ReasonClosingNamespace     = "ClosingNamespace"
	ReasonNotConfirmed         = "NotConfirmed"
	ReasonDeletingTenants      = "DeletingTenants"
	ReasonDeletingApplications = "DeletingApplications"
	ReasonDeletingServices     = "DeletingServices"
	ReasonDeletingReleases     = "DeletingReleases"
	ReasonDeletingNamespace    = "DeletingNamespace"
	ReasonLettingGo            = "LettingGo"
	// ReasonDeletionOverdue is that of Ready where a step takes longer than it may.
	ReasonDeletionOverdue = "DeletionOverdue"
)

// stage is one step of taking a tenant down.
type stage struct {
	reason string
	// what is to be gone, in a sentence.
	what string
	// bound is how long the step may take before the condition says that something is wrong. Zero: it waits for a person.
	bound time.Duration
	// clear deletes it, and says what is still there. Nil: the step is of the tenant itself.
	clear func(context.Context) ([]remainder, error)
	// advice is what a person does where the step is overdue.
	advice string
}

// remainder is something that is still there.
type remainder struct {
	kind, name string
	// object is nil for what has no condition Ready.
	object client.Object
	// says is what it says itself, to follow its name. Empty: nothing.
	says string
}

func (r remainder) String() string { return r.kind + " " + r.name }

// stages are the steps. Children use what this tenant provides, and applications its services, so these go later. The namespace
// goes last, when no release is left in it: its service accounts and their rights go with it, at any moment and in any order, and
// Flux could uninstall nothing without them, while the finalizer of the release would keep the namespace for ever.
//
// The bounds are generous: an application's own is 15 minutes, and Helm's for one attempt 10.
func (r *reconciler) stages(t *v1alpha1.Tenant, namespace *corev1.Namespace) []stage {
	in := func(belongs class) func(context.Context) ([]remainder, error) {
		return func(ctx context.Context) ([]remainder, error) { return r.clearOrdered(ctx, t, belongs, namespace.Name) }
	}

	return []stage{
		r.closing(namespace),
		{
			reason: ReasonNotConfirmed, what: "agreement to delete the tenants in it",
			clear: func(ctx context.Context) ([]remainder, error) { return r.unconfirmed(ctx, t, namespace.Name) },
			advice: fmt.Sprintf("to delete them too: kubectl annotate tenants.apps.cozystack.io --namespace %s %s %s=%s",
				t.Namespace, t.Name, v1alpha1.AnnotationConfirmDelete, t.Name),
		},
		{
			reason: ReasonDeletingTenants, what: "the tenants in it to be gone", bound: time.Hour,
			clear:  func(ctx context.Context) ([]remainder, error) { return r.clearChildren(ctx, t, namespace.Name) },
			advice: "each says what it waits for itself: kubectl describe tenants.apps.cozystack.io --namespace " + namespace.Name,
		},
		{
			reason: ReasonDeletingApplications, what: "the applications in it to be gone", bound: 20 * time.Minute, clear: in(applications),
			advice: "each says what it waits for itself: kubectl describe --namespace " + namespace.Name + " <kind> <name>",
		},
		{
			reason: ReasonDeletingServices, what: "its cluster services to be gone", bound: 20 * time.Minute, clear: in(services),
			advice: "each says what it waits for itself: kubectl describe --namespace " + namespace.Name + " <kind> <name>",
		},
		{
			reason: ReasonDeletingReleases, what: "the Helm releases in it to be gone", bound: 15 * time.Minute, clear: in(releases),
			advice: "Flux says why: kubectl describe helmreleases.helm.toolkit.fluxcd.io --namespace " + namespace.Name,
		},
		{
			reason: ReasonDeletingNamespace, what: "the namespace to be gone", bound: 10 * time.Minute,
			clear: func(ctx context.Context) ([]remainder, error) { return r.deleteNamespace(ctx, t, namespace) },
			advice: "look at what is left with the finalizers that keep it: kubectl api-resources --verbs=list --namespaced --output name | " +
				"xargs -n 1 kubectl get --ignore-not-found --show-kind --namespace " + namespace.Name,
		},
	}
}

// reached is the step that a tenant's condition is at; the first one where it says nothing yet.
func (r *reconciler) reached(t *v1alpha1.Tenant, namespace *corev1.Namespace) stage {
	all := r.stages(t, namespace)
	said := find(t.Status, v1alpha1.ConditionDeleting).Reason

	return all[max(0, slices.IndexFunc(all, func(one stage) bool { return one.reason == said }))]
}

// closing is the step before anything is removed.
func (r *reconciler) closing(namespace *corev1.Namespace) stage {
	return stage{
		reason: ReasonClosingNamespace, what: "its namespace to be closed to orders", bound: smallStep,
		clear:  func(ctx context.Context) ([]remainder, error) { return nil, r.closeNamespace(ctx, namespace) },
		advice: "look at namespace " + namespace.Name + ", and at what refuses changes of it: " + refusers,
	}
}

// lettingGo is the step when nothing is left.
func lettingGo() stage {
	return stage{
		reason: ReasonLettingGo, what: "its finalizer to be taken off, as nothing else is left of it", bound: smallStep,
		advice: "look at what refuses changes of the tenant: " + refusers,
	}
}

const (
	// smallStep bounds a step of one write, which takes no time unless somebody refuses it.
	smallStep = 10 * time.Minute
	// refusers shows who may refuse a write beside the API server.
	refusers = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations,validatingadmissionpolicies"
)

// children are the tenants in a namespace, by name.
func (r *reconciler) children(ctx context.Context, namespace string) ([]v1alpha1.Tenant, error) {
	var children v1alpha1.TenantList
	if err := r.client.List(ctx, &children, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list tenants in %s: %w", namespace, err)
	}

	slices.SortFunc(children.Items, func(a, b v1alpha1.Tenant) int { return strings.Compare(a.Name, b.Name) })

	return children.Items, nil
}

// unconfirmed are the children that nobody agreed to delete. Admission has asked for that before, but may not have known all of
// them. One that is refused because it came when this deletion was on its way needs no consent: nothing was made for it.
func (r *reconciler) unconfirmed(ctx context.Context, t *v1alpha1.Tenant, namespace string) ([]remainder, error) {
	if isConfirmed(t) {
		return nil, nil
	}

	children, err := r.children(ctx, namespace)
	if err != nil {
		return nil, err
	}

	var left []remainder

	for i := range children {
		known, _ := r.tree.get(client.ObjectKeyFromObject(&children[i]))
		isLate := known.refusal != nil && known.refusal.Reason == tenant.ParentDeleting

		if children[i].DeletionTimestamp.IsZero() && !isLate {
			left = append(left, remainder{kind: "tenant", name: children[i].Name})
		}
	}

	return left, nil
}

func isConfirmed(t *v1alpha1.Tenant) bool {
	return t.Annotations[v1alpha1.AnnotationConfirmDelete] == t.Name
}

// clearChildren deletes the children all at once. Who agreed to that agreed to whatever is below them too.
func (r *reconciler) clearChildren(ctx context.Context, t *v1alpha1.Tenant, namespace string) ([]remainder, error) {
	children, err := r.children(ctx, namespace)
	if err != nil {
		return nil, err
	}

	left := make([]remainder, 0, len(children))

	for i := range children {
		child := &children[i]
		left = append(left, remainder{kind: "tenant", name: child.Name})

		if isConfirmed(t) && !isConfirmed(child) {
			before := child.DeepCopy()
			metav1.SetMetaDataAnnotation(&child.ObjectMeta, v1alpha1.AnnotationConfirmDelete, child.Name)

			err := r.client.Patch(ctx, child, client.MergeFrom(before), client.FieldOwner(FieldManager))
			if err = client.IgnoreNotFound(err); err != nil {
				return nil, fmt.Errorf("agree to the deletion of tenant %s: %w", client.ObjectKeyFromObject(child), err)
			}
		}

		if err := r.remove(ctx, child); err != nil {
			return nil, err
		}
	}

	return left, nil
}

// clearOrdered deletes what people ordered in the namespace.
func (r *reconciler) clearOrdered(ctx context.Context, t *v1alpha1.Tenant, belongs class, namespace string) ([]remainder, error) {
	found, err := r.ordered.list(ctx, client.ObjectKeyFromObject(t), belongs, namespace)
	if err != nil {
		return nil, err
	}

	left := make([]remainder, 0, len(found))

	for i := range found {
		one := remainder{kind: found[i].Kind, name: found[i].Name, object: &found[i]}
		if found[i].DeletionTimestamp != nil && len(found[i].Finalizers) > 0 {
			one.says = "kept by " + strings.Join(found[i].Finalizers, ", ")
		}

		left = append(left, one)

		if err := r.remove(ctx, &found[i]); err != nil {
			return nil, err
		}
	}

	return left, nil
}
