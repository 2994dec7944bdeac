// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
)

// CredentialsRole is the name of the Role in a tenant's namespace that lets level "use" and those above it read the Secrets
// which applications there hand to their users, and of the RoleBinding that gives it.
const CredentialsRole = "tenant-credentials"

// credentials keeps who may read which Secrets of a namespace's applications. There is one Role for a namespace, of one name,
// so that the controller need not be allowed to write others.
type credentials struct{ *world }

// Reconcile looks at one namespace. Whoever hands out a Secret, or no longer does, wakes it.
func (c *credentials) Reconcile(ctx context.Context, of reconcile.Request) (reconcile.Result, error) {
	namespace := of.Name

	resolved, isAccepted := c.tenants.Resolved(namespace)
	if !isAccepted {
		return reconcile.Result{}, nil // nothing is given, and nothing taken from a tenant that was accepted before
	}

	var names []string

	isWhole, err := c.isWhole(ctx)
	if err == nil && isWhole {
		names, isWhole, err = c.secrets(ctx, namespace)
	}

	if err == nil && !isWhole {
		return reconcile.Result{RequeueAfter: fillInterval}, nil // what is not seen yet must not be taken away
	}

	if err == nil {
		err = c.keep(ctx, namespace, names, resolved)
	}

	if err != nil {
		return reconcile.Result{}, fmt.Errorf("let users of %s read the credentials of applications: %w", namespace, err)
	}

	return reconcile.Result{}, nil
}

// secrets are the names that applications in a namespace hand out, each once and in order. isWhole is false while some kinds
// can't be seen yet.
func (c *credentials) secrets(ctx context.Context, namespace string) (names []string, isWhole bool, err error) {
	all := map[string]bool{}

	for _, one := range c.kinds.all() {
		if !c.watches.isFilled(one.gvk()) {
			return nil, false, nil
		}

		list := one.list()
		if err := c.objects.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, false, fmt.Errorf("list objects of kind %s: %w", one.name, err)
		}

		for i := range list.Items {
			for _, name := range credentialsOf(&list.Items[i]) {
				all[name] = true
			}
		}
	}

	return slices.Sorted(maps.Keys(all)), true, nil
}

// credentialsOf are the Secrets that an application hands out. One that is nil or being deleted hands out none.
func credentialsOf(object *unstructured.Unstructured) []string {
	if object == nil || object.GetDeletionTimestamp() != nil {
		return nil
	}

	var names []string

	for _, one := range statusOf(object).Credentials {
		if one.Secret != "" { // an empty name would be no bound
			names = append(names, one.Secret)
		}
	}

	return names
}

// keep brings the Role and its RoleBinding to what they should be: gone, where nothing is handed out.
func (c *credentials) keep(ctx context.Context, namespace string, names []string, resolved tenant.Resolved) error {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: CredentialsRole}
	role, binding := &rbacv1.Role{ObjectMeta: meta}, &rbacv1.RoleBinding{ObjectMeta: meta}

	for _, object := range []client.Object{role, binding} {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(object), object); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("get %T %s: %w", object, CredentialsRole, err)
		}
	}

	if len(names) == 0 {
		return c.drop(ctx, binding, role)
	}

	rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: names, Verbs: []string{"get"}}}
	subjects := readers(resolved)
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: CredentialsRole}

	if !reflect.DeepEqual(role.Rules, rules) {
		if err := c.apply(ctx, CredentialsRole, roleOf(namespace, rules)); err != nil {
			return err
		}
	}

	if !equality.Semantic.DeepEqual(binding.Subjects, subjects) || binding.RoleRef != ref {
		return c.apply(ctx, CredentialsRole, bindingOf(namespace, ref, subjects))
	}

	return nil
}
