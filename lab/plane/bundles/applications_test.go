// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// applicationsAreAccepted asks the API server what it would do with the objects of each application that tenants can order, as
// its chart has them by default: see objectsAreAccepted. Only with those of Kubernetes' own kinds: stand-ins of the others know
// neither their versions nor their content. It returns the charts.
func (w *world) applicationsAreAccepted(t *testing.T, plan *bundles.Plan) []string {
	t.Helper()
	const namespace = "tenant-alpha"
	_, err := w.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
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
		w.areAccepted(t, p, objects)
	}
	return charts
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
