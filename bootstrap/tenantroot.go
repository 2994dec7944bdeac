// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// createTenantRoot makes the first tenant and waits until its controller has brought it to Ready. The services that the
// site file asks of tenant-root are not built yet: they are named as not yet used by the plan, and not asked for here.
func (b *bringup) createTenantRoot() phase.Phase {
	return phase.Phase{
		ID: "tenant-root", Title: "create tenant-root",
		Done: func(ctx context.Context) (bool, error) { return b.holds(b.assertTenantRoot(ctx)) },
		Plan: func(context.Context) ([]string, error) {
			return []string{fmt.Sprintf("create Tenant/%s in namespace %s with host %s", tenant.RootName, tenant.RootNamespace, b.site.Domain)}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			err := b.await(ctx, say, "the tenant API", askTimeout, func(ctx context.Context) error {
				client, err := b.kube()
				if err != nil {
					return err
				}
				if err := client.AssertEstablished(ctx, v1alpha1.TenantCRD); err != nil {
					return err
				}
				return b.applyTenantRoot(ctx, client)
			})
			if err != nil {
				return err
			}
			return b.await(ctx, say, "tenant-root to be Ready", askTimeout, b.assertTenantRoot)
		},
	}
}

var (
	tenants    = v1alpha1.GroupVersion.WithResource(v1alpha1.TenantPlural)
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

func (b *bringup) applyTenantRoot(ctx context.Context, client *kube.Client) error {
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": tenant.RootNamespace},
	}}
	if err := client.Apply(ctx, namespaces, namespace); err != nil {
		return err
	}
	root := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.TenantKind,
		"metadata": map[string]any{"name": tenant.RootName, "namespace": tenant.RootNamespace},
		"spec":     map[string]any{"host": b.site.Domain},
	}}
	return client.Apply(ctx, tenants, root)
}

// assertTenantRoot checks that the root tenant has the site's host and is Ready.
func (b *bringup) assertTenantRoot(ctx context.Context) error {
	client, err := b.kube()
	if err != nil {
		return err
	}
	root, err := client.Get(ctx, tenants, tenant.RootNamespace, tenant.RootName)
	if err != nil {
		return err
	}
	if host, _, _ := unstructured.NestedString(root.Object, "spec", "host"); host != b.site.Domain {
		return fmt.Errorf("tenant %s: its host is %q, the site's domain is %q", tenant.RootName, host, b.site.Domain)
	}
	return kube.AssertCondition(root, v1alpha1.ConditionReady)
}
