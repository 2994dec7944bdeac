// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// fieldManager owns what is applied from the bastion.
	fieldManager = "cozy-install"

	systemLabel = "cozystack.io/system" // traffic from such namespaces reaches every tenant
	podSecurity = "pod-security.kubernetes.io/"

	// createdBy is an annotation of the namespaces that were not there before. Only these are ever removed.
	createdBy = "cozystack.io/created-by"
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

// ApplyNamespace makes one namespace of the plan, with its labels, for who puts something there before its packages come.
func (f *Flux) ApplyNamespace(ctx context.Context, plan *Plan, name string) error {
	return applyNamespaces(ctx, f.kube, plan, name)
}

// applyNamespaces makes the given namespaces of the plan, or brings their labels in order. Other labels stay. One that is privileged
// stays so here: a package that the plan has no more may still run in it. See lowerNamespaces.
func applyNamespaces(ctx context.Context, client kubernetes.Interface, plan *Plan, names ...string) error {
	labels := namespaceLabels(plan)
	for _, name := range names {
		namespace := applycore.Namespace(name).WithLabels(labels[name])
		if err := persist(ctx, func(ctx context.Context) error {
			level, err := createNamespace(ctx, client, name)
			if err != nil {
				return err
			}
			if level == "privileged" {
				namespace.WithLabels(map[string]string{podSecurity + "enforce": level})
			}
			_, err = client.CoreV1().Namespaces().Apply(ctx, namespace, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
			return err
		}); err != nil {
			return fmt.Errorf("apply namespace %s: %w", name, err)
		}
	}
	return nil
}

// createNamespace makes a namespace with a mark, if it is not there. Apply alone would not tell the two apart. It returns the Pod
// Security level of one that was there.
func createNamespace(ctx context.Context, client kubernetes.Interface, name string) (level string, err error) {
	there, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return there.Labels[podSecurity+"enforce"], err
	}
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{createdBy: fieldManager}}}
	_, err = client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{FieldManager: fieldManager})
	if apierrors.IsAlreadyExists(err) {
		return "", nil // by somebody else, this moment
	}
	return "", err
}
