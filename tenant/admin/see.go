// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// Seen are the tenants that a client may see.
type Seen struct {
	Tenants []v1alpha1.Tenant
	// Below is the namespace of a tenant, where only those below it may be seen: its users have no rights above, where its own Tenant
	// is. Empty: Tenants are all.
	Below string
}

// See lists all tenants. Who may not, sees those below the first of the namespaces that may be looked into; empty ones are none. The
// error is an *UnseenError where there is none.
func See(ctx context.Context, client dynamic.Interface, namespaces ...string) (Seen, error) {
	all, err := List(ctx, client)
	if !apierrors.IsForbidden(err) {
		return Seen{Tenants: all}, err
	}

	for _, namespace := range namespaces {
		if namespace == "" {
			continue
		}

		below, errBelow := listBelow(ctx, client, namespace)
		if !apierrors.IsForbidden(errBelow) {
			return Seen{Tenants: below, Below: namespace}, errBelow
		}
	}

	return Seen{}, &UnseenError{Err: err}
}

// listBelow lists the tenants below one, by its namespace. What may not be seen on the way down, as where a namespace is being
// deleted with its roles, is left out.
func listBelow(ctx context.Context, client dynamic.Interface, namespace string) ([]v1alpha1.Tenant, error) {
	all, err := listIn(ctx, client, namespace)
	if err != nil {
		return nil, err
	}

	seen := []string{namespace} // a tree that is none ends too

	for i := 0; i < len(all); i++ {
		below := all[i].Status.Namespace
		if below == "" || slices.Contains(seen, below) {
			continue
		}

		seen = append(seen, below)

		children, err := listIn(ctx, client, below)
		if err != nil && !apierrors.IsForbidden(err) {
			return nil, err
		}

		all = append(all, children...)
	}

	sortTenants(all)

	return all, nil
}

// Find is Find among those that are seen. The error is an *OwnTenantError where the word means the one whose Tenant can't be.
func (s Seen) Find(word string) (*v1alpha1.Tenant, error) {
	found, err := s.Place(word)
	if err == nil && s.isOwn(found) {
		return nil, &OwnTenantError{Namespace: s.Below}
	}

	return found, err
}

// Place is Find for what needs no more of a tenant than its namespace: the one whose Tenant can't be seen has that alone, and is meant
// by its namespace or its path only. What it is called nobody can say who may not read it.
func (s Seen) Place(word string) (*v1alpha1.Tenant, error) {
	if s.Below == "" {
		return Find(s.Tenants, word)
	}

	if namespace := MeantNamespace(word); namespace != "" {
		word = namespace
	}

	if word == s.Below {
		return &v1alpha1.Tenant{Status: v1alpha1.TenantStatus{Namespace: s.Below}}, nil
	}

	found, err := Find(s.Tenants, word)

	var unknown *UnknownTenantError
	if errors.As(err, &unknown) {
		unknown.Below = s.Below
	}

	return found, err
}

// isOwn: a Tenant that was seen is in a namespace.
func (s Seen) isOwn(t *v1alpha1.Tenant) bool {
	return t.Namespace == "" && t.Status.Namespace == s.Below
}

// MeantNamespace is the namespace at the end of a path from the root, or the one that the word is, for See. Empty: it is a name.
func MeantNamespace(word string) string {
	names := strings.Split(word, "/")

	switch {
	case len(names) > 1 && names[0] == tenant.RootName:
		namespace := tenant.RootNamespace
		for _, name := range names[1:] {
			namespace = tenant.Namespace(namespace, name)
		}

		return namespace
	case strings.Contains(word, "-"):
		return word
	}

	return ""
}

// UnseenError says that a client may not list tenants, and none of the namespaces that it named is one of its own.
type UnseenError struct{ Err error }

func (e *UnseenError) Error() string { return e.Err.Error() }
func (e *UnseenError) Unwrap() error { return e.Err }

// Hint is the next step.
func (*UnseenError) Hint() string {
	return "users of a tenant see what is below it: use a kubeconfig whose context has the tenant's namespace, as tenant kubeconfig writes " +
		"it, or name the tenant by its namespace"
}

// OwnTenantError says that a tenant can't be looked at or deleted by who only has rights in it.
type OwnTenantError struct{ Namespace string }

func (e *OwnTenantError) Error() string { return unreadTenant(e.Namespace) }

// unreadTenant says why the Tenant of a namespace is not seen.
func unreadTenant(namespace string) string {
	return fmt.Sprintf("the Tenant of %s is in the namespace of the tenant above, which you may not read", namespace)
}

// Hint is the next step.
func (*OwnTenantError) Hint() string {
	return "ask somebody with a level in a tenant above; what is below yours shows: cozy-install tenant tree"
}

// inEach lists in all namespaces at once, or, where that is forbidden, in each of some.
func inEach(namespaces []string, list func(namespace string) error) error {
	err := list(metav1.NamespaceAll)
	if !apierrors.IsForbidden(err) || len(namespaces) == 0 {
		return err
	}

	var failures []error

	for _, namespace := range namespaces {
		failures = append(failures, list(namespace))
	}

	return errors.Join(failures...)
}
