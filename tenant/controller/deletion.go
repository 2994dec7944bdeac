// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// maxNamed bounds the children that a message names.
const maxNamed = 5

// takeDown removes what was made for a tenant, and then lets the tenant go: not before its children are gone, and not
// before its namespace is.
func (r *reconciler) takeDown(ctx context.Context, t *v1alpha1.Tenant, known entry) error {
	if !controllerutil.ContainsFinalizer(t, v1alpha1.TenantFinalizer) {
		return nil
	}

	name := cmp.Or(known.namespace(), t.Status.Namespace)
	if name == "" {
		return r.release(ctx, t)
	}

	if known.children > 0 {
		message, err := r.nameChildren(ctx, name)
		if err != nil {
			return err
		}

		return r.writeStatus(ctx, t, deletingStatus(t, "ChildrenExist", message))
	}

	// Past the cache: it may not show yet a namespace that was made a moment ago, and that one would be left behind.
	var namespace corev1.Namespace

	err := r.live.Get(ctx, client.ObjectKey{Name: name}, &namespace)

	switch {
	case apierrors.IsNotFound(err):
		return r.release(ctx, t)
	case err != nil:
		return fmt.Errorf("get namespace %s: %w", name, err)
	case !isMadeFor(&namespace, t):
		r.log.InfoContext(ctx, "left a namespace alone that was not made for the tenant",
			"tenant", client.ObjectKeyFromObject(t).String(), "namespace", name)

		return r.release(ctx, t)
	case namespace.DeletionTimestamp.IsZero():
		err := r.client.Delete(ctx, &namespace, client.Preconditions{UID: &namespace.UID})
		if err = client.IgnoreNotFound(err); err != nil {
			return fmt.Errorf("delete namespace %s: %w", name, err)
		}

		r.log.InfoContext(ctx, "deleted the namespace of a tenant",
			"tenant", client.ObjectKeyFromObject(t).String(), "namespace", name)
	}

	return r.writeStatus(ctx, t, deletingStatus(t, "NamespaceTerminating",
		fmt.Sprintf("waiting for namespace %s to be gone%s", name, remains(&namespace))))
}

// nameChildren says which tenants must be deleted first.
func (r *reconciler) nameChildren(ctx context.Context, namespace string) (string, error) {
	var children v1alpha1.TenantList
	if err := r.client.List(ctx, &children, client.InNamespace(namespace)); err != nil {
		return "", fmt.Errorf("list tenants in %s: %w", namespace, err)
	}

	names := make([]string, 0, len(children.Items))
	for i := range children.Items {
		names = append(names, children.Items[i].Name)
	}

	slices.Sort(names)

	list := strings.Join(names[:min(maxNamed, len(names))], ", ")
	if more := len(names) - maxNamed; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}

	return fmt.Sprintf("waiting for the tenants in it to be deleted: %s; delete them with kubectl delete tenants --namespace %s <name>",
		list, namespace), nil
}

// remains is what the namespace controller says is still in a namespace that is being deleted, to follow a clause.
func remains(namespace *corev1.Namespace) string {
	var said []string

	for _, condition := range namespace.Status.Conditions {
		if condition.Status == corev1.ConditionTrue && condition.Message != "" {
			said = append(said, condition.Message)
		}
	}

	if len(said) == 0 {
		return ""
	}

	return ": " + strings.Join(said, "; ")
}
