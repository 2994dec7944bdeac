// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// lowerNamespaces takes the level "privileged" from namespaces that got it from us and have no package any more that needs it. It
// comes after installations and removals: as long as a release of before runs, its pods must come again. Where somebody else
// wants the level too, it stays.
func (c *Cluster) lowerNamespaces(ctx context.Context, plan *Plan, installed []Installed) error {
	const level = podSecurity + "enforce"
	labels := namespaceLabels(plan)
	list, err := c.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: level + "=privileged"})
	if err != nil {
		return fmt.Errorf("list privileged namespaces: %w", err)
	}
	for _, namespace := range list.Items {
		wanted := labels[namespace.Name]
		if wanted[level] != "" || !isAppliedByUs(namespace, level) || slices.ContainsFunc(installed, func(one Installed) bool {
			return one.Namespace == namespace.Name && !plan.has(one) && c.mayBePrivileged(one)
		}) {
			continue
		}
		if wanted == nil {
			wanted = map[string]string{systemLabel: "true"}
		}
		err := persist(ctx, func(ctx context.Context) error {
			_, err := c.kube.CoreV1().Namespaces().Apply(ctx, applycore.Namespace(namespace.Name).WithLabels(wanted),
				metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
			return err
		})
		if err != nil {
			return fmt.Errorf("lower the pod security of namespace %s: %w", namespace.Name, err)
		}
	}
	return nil
}

// mayBePrivileged is true of a package that this version does not know, too.
func (c *Cluster) mayBePrivileged(one Installed) bool {
	p, known := c.catalog.Package(one.Name)
	return !known || p.Privileged
}

// isAppliedByUs reports whether one of those who own the label is this program.
func isAppliedByUs(namespace corev1.Namespace, label string) bool {
	return slices.ContainsFunc(namespace.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == fieldManager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.FieldsV1 != nil &&
			strings.Contains(entry.FieldsV1.GetRawString(), `"f:`+label+`"`)
	})
}
