// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/restmapper"

	"github.com/cozystack/cozy-install/bundles"
)

// objectsAreAccepted asks the API server what it would do with each object of our own charts, as the plan has them: a
// server-side dry run, unknown fields refused. The plan must be installed, since namespaces and kinds are needed. Of kinds that
// a stand-in brought, it shows name and scope only: those take any content.
func (w *world) objectsAreAccepted(t *testing.T, plan *bundles.Plan) {
	t.Helper()
	for _, p := range plan.Packages {
		if p.Chart.Embedded != "" {
			w.areAccepted(t, p, w.rendered(t, p), metav1.DryRunAll)
		}
	}
}

func (w *world) rendered(t *testing.T, p bundles.Package) []*unstructured.Unstructured {
	t.Helper()
	archive, err := w.shelf.charts.Archive(p.Chart.Embedded)
	require.NoError(t, err)
	objects, err := bundles.Render(t.Context(), p, archive, "v1.34.4")
	require.NoError(t, err, p.Name)
	require.NotEmpty(t, objects, "%s has nothing", p.Name)
	return objects
}

// areAccepted applies objects; with metav1.DryRunAll nothing is kept.
func (w *world) areAccepted(t *testing.T, p bundles.Package, objects []*unstructured.Unstructured, dryRun ...string) {
	t.Helper()
	groups, err := restmapper.GetAPIGroupResources(w.kube.Discovery())
	require.NoError(t, err)
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	force := true
	for _, object := range objects {
		is := object.GroupVersionKind()
		mapping, err := mapper.RESTMapping(is.GroupKind(), is.Version)
		require.NoError(t, err, "%s: %s", p.Name, is)
		namespace := ""
		if mapping.Scope.Name() != meta.RESTScopeNameRoot {
			if namespace = object.GetNamespace(); namespace == "" {
				namespace = p.Namespace
			}
		}
		text, err := json.Marshal(object)
		require.NoError(t, err)
		_, err = w.dynamic.Resource(mapping.Resource).Namespace(namespace).Patch(t.Context(), object.GetName(), types.ApplyPatchType, text,
			metav1.PatchOptions{
				DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict, FieldManager: "accepted", Force: &force,
			})
		require.NoError(t, err, "%s: %s %s", p.Name, object.GetKind(), object.GetName())
	}
}
