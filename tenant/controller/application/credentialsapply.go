// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	rbacac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
)

// readers are those who have level "use" or one above it, as tenant.Grants gives levels.
func readers(resolved tenant.Resolved) []rbacv1.Subject {
	var subjects []rbacv1.Subject

	for _, grant := range resolved.Grants() {
		if grant.Level == tenant.View {
			continue
		}

		for _, group := range grant.Groups {
			subjects = append(subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
		}

		for _, account := range grant.Accounts {
			subjects = append(subjects, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name})
		}
	}

	return subjects
}

func managedLabels() map[string]string { return map[string]string{labelManagedBy: FieldManager} }

func roleOf(namespace string, rules []rbacv1.PolicyRule) runtime.ApplyConfiguration {
	return rbacac.Role(CredentialsRole, namespace).WithLabels(managedLabels()).WithRules(applied(rules)...)
}

// applied are rules as they are applied.
func applied(rules []rbacv1.PolicyRule) []*rbacac.PolicyRuleApplyConfiguration {
	all := make([]*rbacac.PolicyRuleApplyConfiguration, 0, len(rules))

	for _, rule := range rules {
		all = append(all, rbacac.PolicyRule().WithAPIGroups(rule.APIGroups...).WithResources(rule.Resources...).
			WithResourceNames(rule.ResourceNames...).WithVerbs(rule.Verbs...))
	}

	return all
}

func bindingOf(namespace string, ref rbacv1.RoleRef, subjects []rbacv1.Subject) runtime.ApplyConfiguration {
	binding := rbacac.RoleBinding(CredentialsRole, namespace).WithLabels(managedLabels()).
		WithRoleRef(rbacac.RoleRef().WithAPIGroup(ref.APIGroup).WithKind(ref.Kind).WithName(ref.Name))

	for _, subject := range subjects {
		one := rbacac.Subject().WithKind(subject.Kind).WithName(subject.Name)
		if subject.APIGroup != "" {
			one.WithAPIGroup(subject.APIGroup)
		}

		if subject.Namespace != "" {
			one.WithNamespace(subject.Namespace)
		}

		binding.WithSubjects(one)
	}

	return binding
}

// apply is server-side apply: it names the object also when that is to be made, so that the right to give away what the
// controller does not have itself can be bounded to this name.
func (w *world) apply(ctx context.Context, name string, wanted runtime.ApplyConfiguration) error {
	if err := w.client.Apply(ctx, wanted, client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply %s: %w", name, err)
	}

	return nil
}

// drop deletes what is there of these; what was made by others stays.
func (c *credentials) drop(ctx context.Context, objects ...client.Object) error {
	for _, object := range objects {
		uid := object.GetUID()
		if object.GetResourceVersion() == "" || object.GetLabels()[labelManagedBy] != FieldManager || object.GetDeletionTimestamp() != nil {
			continue
		}

		if err := client.IgnoreNotFound(c.client.Delete(ctx, object, client.Preconditions{UID: &uid})); err != nil {
			return fmt.Errorf("delete %s: %w", CredentialsRole, err)
		}
	}

	return nil
}
