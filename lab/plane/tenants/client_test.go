// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// rootTenants is client-go's client of the tenants in tenant-root.
func (w *world) rootTenants(t *testing.T) dynamic.ResourceInterface {
	t.Helper()

	made, err := dynamic.NewForConfig(w.plane.RESTConfig())
	require.NoError(t, err)

	return made.Resource(v1alpha1.GroupVersion.WithResource(v1alpha1.TenantPlural)).Namespace("tenant-root")
}

// requireCode wants an answer of the API server with this code.
func requireCode(t *testing.T, code int, err error, words string) {
	t.Helper()

	var status apierrors.APIStatus

	require.ErrorAs(t, err, &status)
	require.EqualValues(t, code, status.Status().Code, "%v", err)
	require.ErrorContains(t, err, words)
}

func (w *world) patchesOfAllKinds(t *testing.T) {
	tenants := w.rootTenants(t)

	for kind, patch := range map[types.PatchType]string{
		types.JSONPatchType:  `[{"op": "test", "path": "/metadata/name", "value": "applied"}, {"op": "add", "path": "/metadata/labels/json", "value": "x"}]`,
		types.MergePatchType: `{"metadata": {"labels": {"merge": "x"}}}`,
	} {
		_, err := tenants.Patch(t.Context(), "applied", kind, []byte(patch), metav1.PatchOptions{})
		require.NoError(t, err, kind)
	}

	apply := []byte(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "applied", "labels": {"apply": "x"}}}`)
	_, err := tenants.Patch(t.Context(), "applied", types.ApplyYAMLPatchType, apply, metav1.PatchOptions{FieldManager: "three"})
	require.NoError(t, err)
	require.Subset(t, w.get(t, "tenant-root", "applied").Labels, map[string]string{"json": "x", "merge": "x", "apply": "x", "conduct": "yes"})

	_, err = tenants.Patch(t.Context(), "applied", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{})
	requireCode(t, http.StatusUnsupportedMediaType, err, "")

	failing := []byte(`[{"op": "test", "path": "/metadata/name", "value": "other"}]`)
	_, err = tenants.Patch(t.Context(), "applied", types.JSONPatchType, failing, metav1.PatchOptions{})
	requireCode(t, http.StatusUnprocessableEntity, err, "")

	wrong := []byte(`{"spec": {"host": "Wrong"}}`)
	_, err = tenants.Patch(t.Context(), "applied", types.MergePatchType, wrong, metav1.PatchOptions{})
	requireCode(t, http.StatusUnprocessableEntity, err, "a host is a DNS name")
}

func (w *world) selectorsSelect(t *testing.T) {
	names := func(options metav1.ListOptions) (found []string) {
		list, err := w.rootTenants(t).List(t.Context(), options)
		require.NoError(t, err)

		for _, one := range list.Items {
			found = append(found, one.GetName())
		}

		return found
	}

	require.Equal(t, []string{"alpha"}, names(metav1.ListOptions{FieldSelector: "metadata.name=alpha"}))
	require.ElementsMatch(t, []string{"applied", "shared"}, names(metav1.ListOptions{LabelSelector: "conduct=yes"}))
	require.Equal(t, []string{"shared"}, names(metav1.ListOptions{LabelSelector: "conduct in (yes), !json"}))
	require.NotContains(t, names(metav1.ListOptions{FieldSelector: "metadata.name!=alpha"}), "alpha")

	_, err := w.rootTenants(t).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.host=example.org"})
	requireCode(t, http.StatusBadRequest, err, "field label not supported: spec.host")
}

func (w *world) listsAreContinued(t *testing.T) {
	all, err := w.rootTenants(t).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Greater(t, len(all.Items), 2)

	var (
		found   []string
		options = metav1.ListOptions{Limit: 1}
		version string
	)

	for {
		page, err := w.rootTenants(t).List(t.Context(), options)
		require.NoError(t, err)
		require.Len(t, page.Items, 1)

		if version == "" {
			version = page.GetResourceVersion()
			require.EqualValues(t, len(all.Items)-1, *page.GetRemainingItemCount())
		}

		require.Equal(t, version, page.GetResourceVersion(), "all pages are of one moment")

		found = append(found, page.Items[0].GetName())
		if options.Continue = page.GetContinue(); options.Continue == "" {
			break
		}
	}

	require.Len(t, found, len(all.Items))

	_, err = w.rootTenants(t).List(t.Context(), metav1.ListOptions{Limit: 1, Continue: "nonsense"})
	requireCode(t, http.StatusBadRequest, err, "")
}

func (w *world) conflictsHaveCodes(t *testing.T) {
	stale := w.get(t, "tenant-root", "applied")
	err := w.client.Create(t.Context(), unmade("tenant-root", "applied", v1alpha1.TenantSpec{}))
	requireCode(t, http.StatusConflict, err, "already exists")

	w.change(t, "tenant-root", "applied", func(spec *v1alpha1.TenantSpec) { spec.Host = "five.example.com" })

	stale.Spec.Host = "six.example.com"
	requireCode(t, http.StatusConflict, w.client.Update(t.Context(), stale), "the object has been modified")

	uid := types.UID("another")
	requireCode(t, http.StatusConflict, w.client.Delete(t.Context(), stale, client.Preconditions{UID: &uid}), "the UID in the precondition")
	requireCode(t, http.StatusNotFound, w.client.Delete(t.Context(), unmade("tenant-root", "nobody", v1alpha1.TenantSpec{})), `"nobody" not found`)
}

func (w *world) wrongObjectsHaveCodes(t *testing.T) {
	for name, c := range map[string]struct {
		name, says string
		code       int
		spec       map[string]any
	}{
		"unknown field":    {"wrong", `unknown field "spec.isolated"`, http.StatusBadRequest, map[string]any{"isolated": true}},
		"wrong type":       {"wrong", "spec.etcd: Invalid value", http.StatusUnprocessableEntity, map[string]any{"etcd": "yes"}},
		"name with a dash": {"wr-ong", `metadata.name: "wr-ong": a tenant's name is a lower-case letter and then lower-case letters and digits, no dash`, http.StatusUnprocessableEntity, nil},
		"name too long":    {strings.Repeat("a", 47), "would have 54 characters, at most 53 are allowed; shorten the name by 1", http.StatusUnprocessableEntity, nil},
		"no name at all":   {"", "name or generateName is required", http.StatusUnprocessableEntity, nil},
	} {
		object := rawTenant("tenant-root", c.name, map[string]any{})
		if c.spec != nil {
			object.Object["spec"] = c.spec
		}

		_, err := w.rootTenants(t).Create(t.Context(), object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		requireCode(t, c.code, err, c.says)
		t.Log(name, err)
	}
}

// What happens while nobody watches and the controller is away is not lost.
func (w *world) watchIsResumed(t *testing.T) {
	list, err := w.rootTenants(t).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)

	w.stopController(t)
	w.change(t, "tenant-root", "shared", func(spec *v1alpha1.TenantSpec) { spec.Host = "seven.example.com" })
	w.startController(t)
	w.awaitReady(t, "tenant-root", "shared")

	resumed, err := w.rootTenants(t).Watch(t.Context(), metav1.ListOptions{
		ResourceVersion: list.GetResourceVersion(), FieldSelector: "metadata.name=shared",
	})
	require.NoError(t, err)

	defer resumed.Stop()

	var hosts []string

	for deadline := time.After(patience); len(hosts) < 2; {
		select {
		case event := <-resumed.ResultChan():
			require.Equal(t, watch.Modified, event.Type)

			host, _, err := unstructured.NestedString(event.Object.(*unstructured.Unstructured).Object, "status", "host")
			require.NoError(t, err)

			hosts = append(hosts, host)
		case <-deadline:
			t.Fatalf("the watch gave %v", hosts)
		}
	}

	require.Equal(t, []string{"three.example.com", "seven.example.com"}, hosts, "the change, and what the controller made of it")
}
