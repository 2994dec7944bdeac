// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// applicationsAreAccepted lets the API server have the objects of each application that tenants can order, as its chart has them
// by default, from the account that Flux releases it with: see objectsAreAccepted. Only those of Kubernetes' own kinds: stand-ins
// of the others know neither their versions nor their content. It returns the charts.
func (w *world) applicationsAreAccepted(t *testing.T, plan *bundles.Plan) []string {
	t.Helper()
	const namespace = "tenant-alpha"
	_, err := w.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace, Labels: map[string]string{"tenant.cozystack.io/" + namespace: ""}, // as the controller has it
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	var charts []string
	for _, one := range w.definitions(t, plan) {
		chart := one.Spec.Release.Chart.Name
		version, err := manifests.ChartVersion(chart)
		require.NoError(t, err)
		charts = append(charts, chart)
		p := bundles.Package{
			Name: one.Name, Release: one.Spec.Release.Prefix + one.Name, Namespace: namespace, Needs: one.Spec.Requires,
			Chart: bundles.Chart{Embedded: chart, Version: version},
			Values: map[string]any{"_tenant": map[string]any{
				"namespace": namespace, "name": "alpha", "host": "alpha.example.org", "clusterDomain": "cozy.local",
				"services": map[string]any{"etcd": namespace, "monitoring": namespace, "ingress": namespace, "seaweedfs": namespace},
			}},
		}
		objects := slices.DeleteFunc(w.rendered(t, p), func(object *unstructured.Unstructured) bool {
			return !scheme.Scheme.Recognizes(object.GroupVersionKind())
		})
		missing := slices.DeleteFunc(slices.Clone(one.Spec.Requires), func(crd string) bool { return w.serves(t, crd) })
		if len(missing) > 0 { // then the kind is not published
			require.NotEqual(t, "paas-full", plan.Bundle, "%s is never published: there is no %v", one.Name, missing)
			continue
		}
		w.as(t, namespace, one).areAccepted(t, p, objects) // for good: a binding needs its role
	}
	version, err := manifests.ChartVersion("tenant")
	require.NoError(t, err)
	tenant := bundles.Package{
		Name: "tenant", Release: "tenant-beta", Namespace: namespace, Chart: bundles.Chart{Embedded: "tenant", Version: version},
		Values: map[string]any{"etcd": true, "resourceQuotas": map[string]any{"cpu": 8}},
	}
	w.areAccepted(t, tenant, w.rendered(t, tenant), metav1.DryRunAll)
	w.servicesAreHeldToTheirTenant(t, namespace)
	return append(charts, "tenant")
}

// as is the world seen by the account that Flux releases an application with, which has what the controller gives it.
func (w *world) as(t *testing.T, namespace string, of *definition.ApplicationDefinition) *world {
	t.Helper()
	account := application.ServiceAccount
	if of.Spec.Service != "" {
		account = application.ServicesAccount
	}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}}
	role := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	}
	rbac := w.kube.RbacV1()
	_, err := rbac.RoleBindings(namespace).Create(t.Context(),
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: account}, RoleRef: role(account), Subjects: subjects}, metav1.CreateOptions{})
	require.True(t, err == nil || apierrors.IsAlreadyExists(err), "%v", err)
	if account == application.ServicesAccount {
		_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: servicesCluster + ":" + namespace}, RoleRef: role(servicesCluster), Subjects: subjects,
		}, metav1.CreateOptions{})
		require.True(t, err == nil || apierrors.IsAlreadyExists(err), "%v", err)
	}
	config := rest.CopyConfig(w.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + account}
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	return &world{kube: w.kube, dynamic: client, shelf: w.shelf, config: config}
}

// servicesCluster is the ClusterRole with what the account of cluster services may do outside of namespaces.
const servicesCluster = "tenant-services-cluster"

// servicesAreHeldToTheirTenant tries what the rights of that account would allow, and a policy does not.
func (w *world) servicesAreHeldToTheirTenant(t *testing.T, namespace string) {
	t.Helper()
	services := w.as(t, namespace, &definition.ApplicationDefinition{Spec: definition.ApplicationDefinitionSpec{Service: "ingress"}})
	kube, err := kubernetes.NewForConfig(services.config)
	require.NoError(t, err)
	class := &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: "tenant-root"}, Spec: networkingv1.IngressClassSpec{Controller: "cozystack.io/ingress-" + namespace},
	}
	require.Eventually(t, func() bool { // policies are not there at once
		_, err = kube.NetworkingV1().IngressClasses().Create(t.Context(), class, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.IsForbidden(err)
	}, patience, tick, "%v", &err)
	require.ErrorContains(t, err, "have only what is called after it")
	err = kube.RbacV1().ClusterRoleBindings().Delete(t.Context(), "cluster-admin", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
	require.ErrorContains(t, err, "have only what is called after it")
	_, err = kube.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	if w.serves(t, "datastores.kamaji.clastix.io") {
		services.storesAreHeldToTheirTenant(t, namespace)
	}
}

// definitions are those that the plan installs.
func (w *world) definitions(t *testing.T, plan *bundles.Plan) []*definition.ApplicationDefinition {
	t.Helper()
	at := slices.IndexFunc(plan.Packages, func(p bundles.Package) bool { return p.Name == "tenant-applications" })
	require.GreaterOrEqual(t, at, 0)
	var out []*definition.ApplicationDefinition
	for _, object := range w.rendered(t, plan.Packages[at]) {
		if object.GetKind() != definition.ApplicationDefinitionKind {
			continue
		}
		one := &definition.ApplicationDefinition{}
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, one, true))
		out = append(out, one)
	}
	require.NotEmpty(t, out)
	return out
}

func (w *world) serves(t *testing.T, crd string) bool {
	t.Helper()
	kinds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	_, err := w.dynamic.Resource(kinds).Get(t.Context(), crd, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		require.NoError(t, err)
	}
	return err == nil
}
