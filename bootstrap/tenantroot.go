// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// createTenantRoot makes the first tenant with the services that the site file asks for, waits until their own resources say that
// they are ready, asks the ingress for the root's host, and gives its first administrator a way in.
func (b *bringup) createTenantRoot() phase.Phase {
	return phase.Phase{
		ID: "tenant-root", Title: "create tenant-root",
		Done: func(ctx context.Context) (bool, error) { return b.holds(b.assertRootDone(ctx)) },
		Plan: func(context.Context) ([]string, error) { return b.rootSteps(), nil },
		Run: func(ctx context.Context, say phase.Say) error {
			var client *kube.Client
			err := b.await(ctx, say, "the tenant API", askTimeout, func(ctx context.Context) (err error) {
				if client, err = b.kube(); err != nil {
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
			if err := b.setIngress(ctx, say, client); err != nil {
				return err
			}
			if err := b.awaitRoot(ctx, say, client); err != nil {
				return err
			}
			if err := b.awaitRootIsolated(ctx, say, client); err != nil {
				return err
			}
			if err := b.reachRoot(ctx, say, client); err != nil {
				return err
			}
			return b.giveFirstAccess(ctx, client)
		},
	}
}

var (
	tenants    = v1alpha1.GroupVersion.WithResource(v1alpha1.TenantPlural)
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// rootSteps is what a preview says of it.
func (b *bringup) rootSteps() []string {
	made := fmt.Sprintf("create Tenant/%s in namespace %s with host %s", tenant.RootName, tenant.RootNamespace, b.site.Domain)
	steps := []string{made}
	if services := rootServices(b.site); len(services) > 0 {
		steps = []string{made + " and " + flagsOf(services), "wait until its services are ready"}
	}
	if !b.hasIngress() {
		return append(steps, "publish nothing: there is no ingress in "+tenant.RootNamespace)
	}
	return append(steps, "ask its ingress for https://"+b.site.Domain)
}

func flagsOf(services []tenant.Service) string {
	names := make([]string, len(services))
	for i, service := range services {
		names[i] = service.String()
	}
	return strings.Join(names, ", ")
}

// rootServices are those that the site file turns on in tenant-root.
func rootServices(s *site.Site) []tenant.Service {
	var on []tenant.Service
	if s.TenantRoot == nil {
		return nil
	}
	for _, flag := range []struct {
		service tenant.Service
		on      bool
	}{
		{tenant.Etcd, s.TenantRoot.Etcd},
		{tenant.Ingress, s.TenantRoot.Ingress},
		{tenant.Monitoring, s.TenantRoot.Monitoring},
		{tenant.SeaweedFS, s.TenantRoot.SeaweedFS},
	} {
		if flag.on {
			on = append(on, flag.service)
		}
	}
	return on
}

func (b *bringup) hasIngress() bool {
	return slices.Contains(rootServices(b.site), tenant.Ingress)
}

// applyTenantRoot makes the namespace and the tenant, or changes their fields that the site file speaks of. A flag that the site file
// no longer has goes off; one that somebody else has set stays theirs.
func (b *bringup) applyTenantRoot(ctx context.Context, client *kube.Client) error {
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": tenant.RootNamespace},
	}}
	if err := client.Apply(ctx, namespaces, namespace); err != nil {
		return err
	}
	spec := map[string]any{"host": b.site.Domain}
	for _, service := range rootServices(b.site) {
		spec[service.String()] = true
	}
	root := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.TenantKind,
		"metadata": map[string]any{"name": tenant.RootName, "namespace": tenant.RootNamespace},
		"spec":     spec,
	}}
	err := client.Apply(ctx, tenants, root)
	if apierrors.IsInvalid(err) {
		return &RefusedRootError{Err: err}
	}
	return err
}

// RefusedRootError says that the API server does not take tenant-root as the site file has it: a service that others use was turned
// off, mostly.
type RefusedRootError struct{ Err error }

func (e *RefusedRootError) Error() string { return e.Err.Error() }
func (e *RefusedRootError) Unwrap() error { return e.Err }

// Hint says where to change it.
func (e *RefusedRootError) Hint() string {
	return "make domain and tenantRoot of the site file agree with it; who uses a service: cozy-install tenant show " + tenant.RootName
}

func (b *bringup) getRoot(ctx context.Context) (*unstructured.Unstructured, error) {
	client, err := b.kube()
	if err != nil {
		return nil, err
	}
	return client.Get(ctx, tenants, tenant.RootNamespace, tenant.RootName)
}

// assertTenantRoot checks that the root tenant is as the site file has it, and Ready.
func (b *bringup) assertTenantRoot(ctx context.Context) error {
	root, err := b.getRoot(ctx)
	if err != nil {
		return err
	}
	return b.assertRoot(root)
}

func (b *bringup) assertRoot(root *unstructured.Unstructured) error {
	if host, _, _ := unstructured.NestedString(root.Object, "spec", "host"); host != b.site.Domain {
		return fmt.Errorf("tenant %s: its host is %q, the site's domain is %q", tenant.RootName, host, b.site.Domain)
	}
	for _, service := range rootServices(b.site) {
		flag := service.String()
		if on, _, _ := unstructured.NestedBool(root.Object, "spec", flag); !on {
			return fmt.Errorf("tenant %s: spec.%s is off, the site file has it on", tenant.RootName, flag)
		}
	}
	return kube.AssertCondition(root, v1alpha1.ConditionReady)
}

// assertRootDone checks all that the phase does. A flag that went from the site file is seen by what is still ours of the tenant.
func (b *bringup) assertRootDone(ctx context.Context) error {
	root, err := b.getRoot(ctx)
	if err != nil {
		return err
	}
	if err := b.assertRoot(root); err != nil {
		return err
	}
	if flag := staleFlag(root, rootServices(b.site)); flag != "" {
		return fmt.Errorf("tenant %s: spec.%s was set by an earlier run, and the site file does not have it any more", tenant.RootName, flag)
	}
	if err := b.assertRootIsolated(root); err != nil {
		return err
	}
	if b.hasIngress() {
		return errors.New("the ingress is to be asked again") // each run says what answers
	}
	if err := b.assertFirstAccess(); err != nil {
		return err
	}
	b.root = &Root{Host: b.site.Domain, Unpublished: unpublished, Kubeconfig: b.dir.Path(workdir.RootKubeconfigFile)}
	return nil
}

// staleFlag is a flag that this program set and does not want any more; empty: there is none.
func staleFlag(root *unstructured.Unstructured, wanted []tenant.Service) string {
	for _, entry := range root.GetManagedFields() {
		if entry.Manager != kube.FieldManager || entry.FieldsV1 == nil {
			continue
		}
		for _, service := range tenant.Services() {
			flag := service.String()
			if strings.Contains(entry.FieldsV1.String(), `"f:`+flag+`"`) && !slices.Contains(wanted, service) {
				return flag
			}
		}
	}
	return ""
}
