// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// Create makes a tenant below another. The name is judged here as far as it can be, and by the API server's admission; whether
// hosts and quotas fit, the controller says in the conditions of the answer's object a moment later. With dryRun nothing is
// stored. The error is a *tenant.Refusal where the name can't be, a *NotReadyError where the parent has no namespace, and a
// *LevelError where the client may not.
func Create(
	ctx context.Context, client dynamic.Interface, parent *v1alpha1.Tenant, name string, spec v1alpha1.TenantSpec, dryRun bool,
) (*v1alpha1.Tenant, error) {
	namespace := parent.Status.Namespace
	if namespace == "" {
		return nil, NotReady(parent)
	}

	if err := tenant.Check(namespace, name); err != nil {
		return nil, err
	}

	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&v1alpha1.Tenant{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.TenantKind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       spec,
	})
	if err != nil {
		return nil, fmt.Errorf("write tenant %s: %w", name, err)
	}

	unstructured.RemoveNestedField(fields, "status")
	unstructured.RemoveNestedField(fields, "metadata", "creationTimestamp")

	options := metav1.CreateOptions{FieldManager: "cozy-install", FieldValidation: metav1.FieldValidationStrict}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}

	made, err := client.Resource(v1alpha1.GroupVersion.WithResource(v1alpha1.TenantPlural)).Namespace(namespace).
		Create(ctx, &unstructured.Unstructured{Object: fields}, options)
	if err != nil {
		return nil, needs(err, tenant.SuperAdmin, namespace, fmt.Sprintf("create tenant %s in namespace %s", name, namespace))
	}

	var t v1alpha1.Tenant
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(made.Object, &t); err != nil {
		return nil, fmt.Errorf("read tenant %s: %w", name, err)
	}

	return &t, nil
}
