// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// ingressSpec is what the site file says of the ingress of tenant-root: how it is reached. Who signs its certificate the platform
// tells the ingresses of all tenants.
func ingressSpec(s *site.Site) map[string]any {
	spec := map[string]any{}
	switch e := s.Exposure; {
	case e == nil || e.LoadBalancer: // the chart's own way
	case e.NodePort:
		spec["service"] = map[string]any{"type": "NodePort", "externalIPs": []any{}}
	case len(e.ExternalIPs) > 0:
		spec["service"] = map[string]any{"type": "ClusterIP", "externalIPs": texts(e.ExternalIPs)}
	}
	return spec
}

// setIngress gives the ingress of tenant-root what the site file says of it, once its controller has made it. Only these fields are
// set, and none that somebody else has set: the object belongs to its users.
func (b *bringup) setIngress(ctx context.Context, say phase.Say, client *kube.Client) error {
	if !b.hasIngress() {
		return nil
	}
	name := tenant.Ingress.String()
	resource, kind := serviceResource(tenant.Ingress), tenant.Ingress.Kind()
	err := b.await(ctx, say, kind+"/"+name+" of tenant-root", askTimeout, func(ctx context.Context) error {
		_, err := client.Get(ctx, resource, tenant.RootNamespace, name)
		if apierrors.IsNotFound(err) {
			if why := b.assertTenantRoot(ctx); why != nil {
				return why // the tenant says what keeps it from being made
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	err = client.Apply(ctx, resource, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": tenant.RootNamespace},
		"spec":     ingressSpec(b.site),
	}})
	if taken := (*kube.TakenError)(nil); errors.As(err, &taken) {
		say("%s/%s stays as somebody has set it, which is not as the site file has it: %v", kind, name, taken.Err)
		return nil
	}
	return err
}
