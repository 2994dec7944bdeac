// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// requireCode wants an answer of the API server with this code.
func requireCode(t *testing.T, code int, err error, words string) {
	t.Helper()

	var status apierrors.APIStatus

	require.ErrorAs(t, err, &status)
	require.EqualValues(t, code, status.Status().Code, "%v", err)
	require.ErrorContains(t, err, words)
}

func (c *conducted) patchesOfAllKinds(t *testing.T) {
	objects := c.objects(t)

	for kind, patch := range map[types.PatchType]string{
		types.JSONPatchType:  `[{"op": "test", "path": "/metadata/name", "value": "applied"}, {"op": "add", "path": "/metadata/labels/json", "value": "x"}]`,
		types.MergePatchType: `{"metadata": {"labels": {"merge": "x"}}}`,
	} {
		_, err := objects.Patch(t.Context(), "applied", kind, []byte(patch), metav1.PatchOptions{})
		require.NoError(t, err, kind)
	}

	apply := []byte(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "` + c.kind + `", "metadata": {"name": "applied", "labels": {"apply": "x"}}}`)
	_, err := objects.Patch(t.Context(), "applied", types.ApplyYAMLPatchType, apply, metav1.PatchOptions{FieldManager: "three"})
	require.NoError(t, err)
	require.Subset(t, c.found(t, "applied").GetLabels(), map[string]string{"json": "x", "merge": "x", "apply": "x", "conduct": "yes"})

	_, err = objects.Patch(t.Context(), "applied", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{})
	requireCode(t, http.StatusUnsupportedMediaType, err, "")

	failing := []byte(`[{"op": "test", "path": "/metadata/name", "value": "other"}]`)
	_, err = objects.Patch(t.Context(), "applied", types.JSONPatchType, failing, metav1.PatchOptions{})
	requireCode(t, http.StatusUnprocessableEntity, err, "")

	_, err = objects.Patch(t.Context(), "applied", types.MergePatchType, []byte(c.badPatch.patch), metav1.PatchOptions{})
	requireCode(t, http.StatusUnprocessableEntity, err, c.badPatch.says)
}

func (c *conducted) selectorsSelect(t *testing.T) {
	require.Equal(t, []string{c.other}, c.names(t, metav1.ListOptions{FieldSelector: "metadata.name=" + c.other}))
	require.ElementsMatch(t, []string{"applied", "shared"}, c.names(t, metav1.ListOptions{LabelSelector: "conduct=yes"}))
	require.Equal(t, []string{"shared"}, c.names(t, metav1.ListOptions{LabelSelector: "conduct in (yes), !json"}))
	require.NotContains(t, c.names(t, metav1.ListOptions{FieldSelector: "metadata.name!=" + c.other}), c.other)

	_, err := c.objects(t).List(t.Context(), metav1.ListOptions{FieldSelector: "spec." + c.text + "=example.org"})
	requireCode(t, http.StatusBadRequest, err, "field label not supported: spec."+c.text)
}

func (c *conducted) listsAreContinued(t *testing.T) {
	all, err := c.objects(t).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Greater(t, len(all.Items), 2)

	var (
		found   []string
		options = metav1.ListOptions{Limit: 1}
		version string
	)

	for {
		page, err := c.objects(t).List(t.Context(), options)
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

	_, err = c.objects(t).List(t.Context(), metav1.ListOptions{Limit: 1, Continue: "nonsense"})
	requireCode(t, http.StatusBadRequest, err, "")
}

func (c *conducted) conflictsHaveCodes(t *testing.T) {
	objects, stale := c.objects(t), c.found(t, "applied")
	_, err := objects.Create(t.Context(), c.unmade("applied", nil), metav1.CreateOptions{})
	requireCode(t, http.StatusConflict, err, "already exists")

	c.reword(t, "applied", "five.example.com")
	require.NoError(t, unstructured.SetNestedField(stale.Object, "six.example.com", "spec", c.text))
	_, err = objects.Update(t.Context(), stale, metav1.UpdateOptions{})
	requireCode(t, http.StatusConflict, err, "the object has been modified")

	uid := types.UID("another")
	err = objects.Delete(t.Context(), "applied", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	requireCode(t, http.StatusConflict, err, "the UID in the precondition")
	requireCode(t, http.StatusNotFound, objects.Delete(t.Context(), "nobody", metav1.DeleteOptions{}), `"nobody" not found`)
}

func (c *conducted) wrongObjectsHaveCodes(t *testing.T) {
	for what, wrong := range c.wrong {
		_, err := c.objects(t).Create(t.Context(), c.unmade(wrong.name, wrong.spec), metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		requireCode(t, wrong.code, err, wrong.says)
		t.Log(what, err)
	}

	_, err := c.objects(t).Create(t.Context(), c.unmade("", nil), metav1.CreateOptions{})
	requireCode(t, http.StatusUnprocessableEntity, err, "name or generateName is required")
}

// What happens while nobody watches and the controller is away is not lost.
func (c *conducted) watchIsResumed(t *testing.T) {
	list, err := c.objects(t).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)

	c.stopController(t)
	c.reword(t, "shared", "seven.example.com")
	c.startController(t)
	c.awaitWorking(t, "shared")

	resumed, err := c.objects(t).Watch(t.Context(), metav1.ListOptions{
		ResourceVersion: list.GetResourceVersion(), FieldSelector: "metadata.name=shared",
	})
	require.NoError(t, err)

	defer resumed.Stop()

	var told []bool // whether the object was ready as it was asked for

	for deadline := time.After(patience); len(told) == 0 || !told[len(told)-1]; {
		select {
		case event := <-resumed.ResultChan():
			require.Equal(t, watch.Modified, event.Type)

			object, isObject := event.Object.(*unstructured.Unstructured)
			require.True(t, isObject)

			word, _, err := unstructured.NestedString(object.Object, "spec", c.text)
			require.NoError(t, err)
			require.Equal(t, "seven.example.com", word)

			told = append(told, isWorking(object))
		case <-deadline:
			t.Fatalf("the watch gave %v", told)
		}
	}

	require.False(t, told[0], "the change comes first, and then what the controller made of it")
}
