// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// awaitExact holds all that there is for tenants against what the rules say of the tenants that there are: no more, no less. A
// tenant that is Ready may have yet to hear of what became of another.
func (f *forest) awaitExact(t *testing.T, site policy.Site) {
	t.Helper()

	var last []string

	f.awaitFor(t, patience, func() bool {
		last = f.differs(t, site)

		return len(last) == 0
	}, func() string { return strings.Join(last, "\n") })
}

// differs says what is not as the rules say. Empty: nothing.
func (f *forest) differs(t *testing.T, site policy.Site) []string {
	t.Helper()

	objects := f.tenants(t)
	input := make([]tenant.Tenant, 0, len(objects))

	for _, object := range objects {
		input = append(input, tenant.Tenant{
			Namespace: object.Namespace, Name: object.Name, UID: object.UID, Created: object.CreationTimestamp.Time,
			Host: object.Spec.Host, Bounds: object.Spec.ResourceQuotas,
			Runs: tenant.Flags{
				tenant.Etcd: object.Spec.Etcd, tenant.Monitoring: object.Spec.Monitoring,
				tenant.Ingress: object.Spec.Ingress, tenant.SeaweedFS: object.Spec.SeaweedFS,
			},
		})
	}

	resolved, refused := tenant.Resolve(input)
	require.Empty(t, refused)
	require.Len(t, resolved, len(objects))

	var all []string

	for _, one := range resolved {
		all = append(all, statusDiffers(one, objects[one.Tenant], len(below(resolved, one.Namespace)))...)
	}

	return slices.Concat(all, f.namespacesDiffer(t, resolved), f.accessDiffers(t, resolved), f.isolationDiffers(t, resolved, site),
		f.quotasDiffer(t, resolved), f.orderedDiffers(t, resolved))
}

func statusDiffers(want tenant.Resolved, object *v1alpha1.Tenant, children int) (all []string) {
	status := object.Status
	if status.Services == nil || status.Level == nil {
		return []string{want.Namespace + " has no status"}
	}

	says := func(what string, want, got any) {
		if want != got {
			all = append(all, fmt.Sprintf("%s: %s is %v, not %v", object.Name, what, got, want))
		}
	}

	says("namespace", want.Namespace, status.Namespace)
	says("host", want.Host, status.Host)
	says("parent", want.Parent(), status.Parent)
	says("level", want.Level(), int(*status.Level))
	says("children", children, int(status.Children))
	says("ready", true, isReadyNow(object))

	for service, got := range map[tenant.Service]v1alpha1.TenantService{
		tenant.Etcd: status.Services.Etcd, tenant.Monitoring: status.Services.Monitoring,
		tenant.Ingress: status.Services.Ingress, tenant.SeaweedFS: status.Services.SeaweedFS,
	} {
		provision := want.Services[service]
		says(service.String(), string(provision.Source), got.Source)
		says("namespace of "+service.String(), provision.Namespace, got.Namespace)
		says("dependents of "+service.String(), provision.Dependents.Count, int(ptr.Deref(got.Dependents, v1alpha1.Dependents{}).Count))
	}

	return all
}

func below(resolved map[string]tenant.Resolved, parent string) (children []string) {
	for namespace, one := range resolved {
		if one.Parent() == parent && one.Level() > 0 {
			children = append(children, namespace)
		}
	}

	return children
}

func (f *forest) namespacesDiffer(t *testing.T, resolved map[string]tenant.Resolved) []string {
	t.Helper()

	var namespaces corev1.NamespaceList
	require.NoError(t, f.client.List(t.Context(), &namespaces, client.HasLabels{controller.LabelTenantName}))

	var want, got []string

	for namespace, one := range resolved {
		want = append(want, fmt.Sprint("namespace ", namespace, " ", one.Labels()))
	}

	for i := range namespaces.Items {
		got = append(got, fmt.Sprint("namespace ", namespaces.Items[i].Name, " ", trusted(namespaces.Items[i].Labels)))
	}

	return differences(want, got)
}

// trusted are the labels that policies go by, and those of a namespace that comes or goes.
func trusted(labels map[string]string) map[string]string {
	prefixes := []string{tenant.AncestorLabel, tenant.ServiceLabel, tenant.EtcdLabel, controller.LabelDeleting, controller.LabelFresh}
	trusted := maps.Clone(labels)
	maps.DeleteFunc(trusted, func(key, _ string) bool {
		return !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	})

	return trusted
}

// differences says what is wanted and not there, and what is there and not wanted.
func differences(want, got []string) (all []string) {
	counts := map[string]int{}
	for _, one := range want {
		counts[one]++
	}

	for _, one := range got {
		counts[one]--
	}

	for _, one := range slices.Sorted(maps.Keys(counts)) {
		switch {
		case counts[one] > 0:
			all = append(all, "not there: "+one)
		case counts[one] < 0:
			all = append(all, "left behind: "+one)
		}
	}

	return all
}
