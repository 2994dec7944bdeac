// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// clusterFlags say which cluster a command of tenants speaks to.
type clusterFlags struct{ kubeconfig, context string }

func (f *clusterFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster (default: where kubectl looks)")
	c.Flags().StringVar(&f.context, "context", "", "context in the kubeconfig (default: the current one)")
	carry(c, "kubeconfig", "context")
}

// see is a client, and the tenants that it may see: all, or those below the one whose namespace the kubeconfig's context has, or that
// a word means.
func (f *clusterFlags) see(ctx context.Context, words ...string) (*kube.Client, admin.Seen, error) {
	client, err := kube.FromFile(f.kubeconfig, f.context)
	if err != nil {
		return nil, admin.Seen{}, err
	}
	namespaces := []string{client.Namespace}
	for _, word := range words {
		namespaces = append(namespaces, admin.MeantNamespace(word))
	}
	seen, err := admin.See(ctx, client.Dynamic, namespaces...)
	return client, seen, client.Answered(err)
}

// place is a client, and the tenant that a word means, for what needs no more of it than its name and namespace.
func (f *clusterFlags) place(ctx context.Context, word string) (*kube.Client, *v1alpha1.Tenant, error) {
	client, seen, err := f.see(ctx, word)
	if err != nil {
		return nil, nil, err
	}
	found, err := seen.Place(word)
	return client, found, err
}

// specFlags are the fields of a new tenant.
type specFlags struct {
	spec  v1alpha1.TenantSpec
	quota map[string]string
}

func (f *specFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.spec.Host, "host", "", "domain of the tenant (default: its name below the parent's)")
	c.Flags().BoolVar(&f.spec.Etcd, "etcd", false, "run etcd in the tenant")
	c.Flags().BoolVar(&f.spec.Monitoring, "monitoring", false, "run monitoring in the tenant")
	c.Flags().BoolVar(&f.spec.Ingress, "ingress", false, "run ingress in the tenant")
	c.Flags().BoolVar(&f.spec.SeaweedFS, "seaweedfs", false, "run seaweedfs in the tenant")
	c.Flags().StringVar(&f.spec.SchedulingClass, "scheduling-class", "", "class of nodes for the tenant's workloads")
	c.Flags().StringToStringVar(&f.quota, "quota", nil, "bounds of the tenant and all below it, such as cpu=10,memory=32Gi,storage=1Ti")
}

// read is the spec, or a usage error that names every quantity which is none.
func (f *specFlags) read() (v1alpha1.TenantSpec, error) {
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(f.quota)) {
		amount, err := resource.ParseQuantity(f.quota[key])
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("--quota %s=%s: not a quantity such as 500m, 10 or 32Gi", key, f.quota[key]))
			continue
		}
		if f.spec.ResourceQuotas == nil {
			f.spec.ResourceQuotas = map[string]resource.Quantity{}
		}
		f.spec.ResourceQuotas[key] = amount
	}
	if len(wrong) > 0 {
		return v1alpha1.TenantSpec{}, &UsageError{Err: fmt.Errorf("%s", strings.Join(wrong, "; "))}
	}
	return f.spec, nil
}
