// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// fieldManager owns what is applied from the bastion.
	fieldManager = "cozy-install"

	systemLabel = "cozystack.io/system" // traffic from such namespaces reaches every tenant
	podSecurity = "pod-security.kubernetes.io/"
)

// namespaceLabels are the labels of each namespace of the plan. Pod Security is the plan's decision as a whole: one
// privileged package makes its namespace privileged for all that share it.
func namespaceLabels(plan *Plan) map[string]map[string]string {
	out := map[string]map[string]string{ChartsNamespace: {systemLabel: "true"}}
	for _, p := range plan.Packages {
		if out[p.Namespace] == nil {
			out[p.Namespace] = map[string]string{systemLabel: "true"}
		}
		if p.Privileged {
			out[p.Namespace][podSecurity+"enforce"] = "privileged"
		}
	}
	return out
}

// applyNamespaces makes the given namespaces of the plan, or brings their labels in order. Other labels stay.
func applyNamespaces(ctx context.Context, client kubernetes.Interface, plan *Plan, names ...string) error {
	labels := namespaceLabels(plan)
	for _, name := range names {
		namespace := applycore.Namespace(name).WithLabels(labels[name])
		if err := persist(ctx, func(ctx context.Context) error {
			_, err := client.CoreV1().Namespaces().Apply(ctx, namespace, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
			return err
		}); err != nil {
			return fmt.Errorf("apply namespace %s: %w", name, err)
		}
	}
	return nil
}
