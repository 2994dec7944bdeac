// SPDX-License-Identifier: Apache-2.0

package application

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// lab is a fake API server and the reconcilers, driven by hand. What only a real one does (generations, watches, admission,
// establishing kinds) is not here: lab/plane has it.
type lab struct {
	t *testing.T
	*world

	charts  map[string]Chart
	tenants *tenants
	// writes are the calls that would change something on a server, in order.
	writes []string
	// fails answers a call in the server's place. Nil: none does.
	fails func(call string) error
	// informers are the kinds that are watched, and whether their caches are filled.
	informers map[schema.GroupVersionKind]*informer
	// strange tells of HelmReleases that belong to no application.
	strange *informer
}

var (
	depotKind = schema.GroupVersionKind{Group: "apps.cozystack.io", Version: "v1alpha1", Kind: "Depot"}
	etcdKind  = schema.GroupVersionKind{Group: "apps.cozystack.io", Version: "v1alpha1", Kind: "Etcd"}
	shelfKind = schema.GroupVersionKind{Group: "lab.example.org", Version: "v1", Kind: "Shelf"}
)

func newLab(t *testing.T, objects ...client.Object) *lab {
	t.Helper()

	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{rbacv1.AddToScheme, apiextensionsv1.AddToScheme, definition.AddToScheme} {
		require.NoError(t, add(scheme))
	}

	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"), meta.RESTScopeRoot)
	mapper.Add(definition.GroupVersion.WithKind("ApplicationDefinition"), meta.RESTScopeRoot)
	mapper.Add(rbacv1.SchemeGroupVersion.WithKind("ClusterRole"), meta.RESTScopeRoot)

	for _, namespaced := range []schema.GroupVersionKind{
		depotKind, etcdKind, shelfKind, releaseKind(), rbacv1.SchemeGroupVersion.WithKind("Role"), rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
	} {
		mapper.Add(namespaced, meta.RESTScopeNamespace)
	}

	l := &lab{t: t, tenants: &tenants{isKnown: true, resolved: map[string]tenant.Resolved{}}, informers: map[schema.GroupVersionKind]*informer{}}

	built := fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).WithObjects(objects...).
		WithStatusSubresource(&definition.ApplicationDefinition{}, watch.Object(depotKind), watch.Object(etcdKind)).
		WithInterceptorFuncs(l.recording()).Build()

	l.charts = map[string]Chart{"depot": {Version: "1.0.0+abc", Schema: []byte(depotSchema)}}
	l.world = &world{
		client: built, live: built, objects: seen{built, l}, belongings: seen{built, l}, strangers: strangers{l}, mapper: mapper,
		tenants: l.tenants, kinds: &kinds{}, platform: Options{Charts: l.charts}.platform(),
		now: func() time.Time { return time.Unix(1_700_000_000, 0) }, log: slog.New(slog.DiscardHandler),
		applications: &watch.Wakes[request]{}, waves: &watch.Wakes[wave]{}, namespaces: &watch.Wakes[reconcile.Request]{}, definitions: &watch.Wakes[reconcile.Request]{},
	}
	l.tenants.resolved["tenant-alpha"] = alpha()

	return l
}

const depotSchema = `{"type": "object", "properties": {
	"size": {"type": "integer"}, "options": {"type": "object", "properties": {"safe": {"type": "boolean"}}}}}`

func alpha() tenant.Resolved {
	resolved := tenant.Resolved{Namespace: "tenant-alpha", Ancestors: []string{"tenant-root"}, Host: "alpha.example.org"}
	resolved.Tenant.Namespace, resolved.Tenant.Name = "tenant-root", "alpha"

	return resolved
}

// depots is a definition. Edits are applied in order.
func depots(edits ...func(*definition.ApplicationDefinitionSpec)) *definition.ApplicationDefinition {
	made := &definition.ApplicationDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "depot", Generation: 1},
		Spec: definition.ApplicationDefinitionSpec{
			Application: definition.ApplicationKind{Kind: "Depot", Singular: "depot", Plural: "depots"},
			Release:     definition.Release{Prefix: "depot-", Chart: definition.Chart{Name: "depot"}},
			Credentials: []definition.Credential{{Secret: "{release}-password", Description: "password"}},
		},
	}
	for _, edit := range edits {
		edit(&made.Spec)
	}

	return made
}

func depotNamed(name string, spec map[string]any) *unstructured.Unstructured {
	object := watch.Object(depotKind)
	object.SetNamespace("tenant-alpha")
	object.SetName(name)
	object.SetGeneration(1)

	if spec != nil {
		object.Object["spec"] = spec
	}

	return object
}

// flux is the CRD that every kind needs.
func flux() *apiextensionsv1.CustomResourceDefinition { return established(releaseCRD, nil) }

func established(name string, labels map[string]string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status: apiextensionsv1.CustomResourceDefinitionStatus{Conditions: []apiextensionsv1.CustomResourceDefinitionCondition{{
			Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue,
		}}},
	}
}
