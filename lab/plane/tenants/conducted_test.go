// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// conducted is a kind whose objects are tried, and what must be known of it for that.
type conducted struct {
	*world

	kind, plural string
	// namespace is where its objects are made, and other one that is there already, and stays.
	namespace, other string
	// text is a field of spec whose value is a word, and beside is a spec with another field alone.
	text, beside string
	// works lets an object become ready, as far as somebody else than the controller has a part in it.
	works func(t *testing.T, name string)
	// explained is what kubectl explain says of fields.
	explained map[string]string
	// wrong are objects that the API server refuses. That by the key name has a bad name.
	wrong map[string]wrongObject
	// badPatch is a merge patch that it refuses.
	badPatch struct{ patch, says string }
	// mayDelete and mayNotDelete are groups.
	mayDelete, mayNotDelete string
}

type wrongObject struct {
	name, says string
	code       int
	spec       map[string]any // nil: empty
}

func (w *world) tenantsBehaveAsKubernetesDoes(t *testing.T) {
	c := &conducted{
		world: w, kind: v1alpha1.TenantKind, plural: v1alpha1.TenantPlural, namespace: "tenant-root", other: "alpha",
		text: "host", beside: `{"resourceQuotas": {"pods": "5"}}`, works: func(*testing.T, string) {},
		explained: map[string]string{
			"": "main unit of security", ".spec.resourceQuotas": "Bounds of what this tenant", ".status.namespace": "The tenant's own namespace",
		},
		wrong: map[string]wrongObject{
			"unknown field": {"wrong", `unknown field "spec.isolated"`, http.StatusBadRequest, map[string]any{"isolated": true}},
			"wrong type":    {"wrong", "spec.etcd: Invalid value", http.StatusUnprocessableEntity, map[string]any{"etcd": "yes"}},
			"name":          {"wr-ong", `metadata.name: "wr-ong": a tenant's name is a lower-case letter and then lower-case letters and digits, no dash`, http.StatusUnprocessableEntity, nil},
			"name too long": {strings.Repeat("a", 47), "would have 54 characters, at most 53 are allowed; shorten the name by 1", http.StatusUnprocessableEntity, nil},
		},
		mayDelete: "tenant-root-super-admin", mayNotDelete: "tenant-root-admin",
	}
	c.badPatch.patch, c.badPatch.says = `{"spec": {"host": "Wrong"}}`, "a host is a DNS name"

	c.behavesAsKubernetesDoes(t)
	t.Run("an empty namespace comes and goes", w.emptyNamespaceComesAndGoes)
}

// applicationsBehaveAsKubernetesDoes: so do objects of a kind that was published at run time.
func (w *world) applicationsBehaveAsKubernetesDoes(t *testing.T) {
	c := &conducted{
		world: w, kind: "Depot", plural: "depots", namespace: "tenant-alpha", other: "one",
		text: "label", beside: `{"size": 3}`,
		works: func(t *testing.T, name string) {
			t.Helper()
			w.awaitDepot(t, name, "Unhealthy")
			w.setPhase(t, "tenant-alpha", "depot-"+name, "Ready")
		},
		explained: map[string]string{
			"": "is a kind of application", ".spec.size": "Default: 1", ".status.release": "Name of the Helm release",
		},
		wrong: map[string]wrongObject{
			"unknown field":      {"wrong", `unknown field "spec.colour"`, http.StatusBadRequest, map[string]any{"colour": "red"}},
			"field of ours":      {"wrong", `unknown field "spec._tenant"`, http.StatusBadRequest, map[string]any{"_tenant": map[string]any{}}},
			"wrong type":         {"wrong", "spec.size: Invalid value", http.StatusUnprocessableEntity, map[string]any{"size": "big"}},
			"beyond what may be": {"wrong", "spec.size: Invalid value", http.StatusUnprocessableEntity, map[string]any{"size": int64(10)}},
			"name":               {"a.b", "metadata.name: a name is made of lower-case letters, digits and inner dashes", http.StatusUnprocessableEntity, nil},
			"name too long":      {strings.Repeat("a", 48), "would have 54 characters, at most 53 are allowed", http.StatusUnprocessableEntity, nil},
		},
		mayDelete: "tenant-alpha-admin", mayNotDelete: "tenant-alpha-use",
	}
	c.badPatch.patch, c.badPatch.says = `{"spec": {"size": 10}}`, "spec.size"

	c.behavesAsKubernetesDoes(t)
}

// objects is client-go's client of the kind's objects.
func (c *conducted) objects(t *testing.T) dynamic.ResourceInterface {
	t.Helper()

	made, err := dynamic.NewForConfig(c.plane.RESTConfig())
	require.NoError(t, err)

	return made.Resource(v1alpha1.GroupVersion.WithResource(c.plural)).Namespace(c.namespace)
}

func (c *conducted) unmade(name string, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(c.kind))
	object.SetNamespace(c.namespace)
	object.SetName(name)

	if spec != nil {
		object.Object["spec"] = spec
	}

	return object
}

func (c *conducted) found(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()

	found, err := c.objects(t).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)

	return found
}

func (c *conducted) spec(t *testing.T, name string) map[string]any {
	t.Helper()

	spec, _, err := unstructured.NestedMap(c.found(t, name).Object, "spec")
	require.NoError(t, err)

	return spec
}

// word is what the field of text holds. Empty: nothing.
func (c *conducted) word(t *testing.T, name string) string {
	t.Helper()

	word, _ := c.spec(t, name)[c.text].(string)

	return word
}

func (c *conducted) reword(t *testing.T, name, word string) {
	t.Helper()

	_, err := c.objects(t).Patch(t.Context(), name, types.MergePatchType, []byte(`{"spec": `+c.worded(word)+`}`), metav1.PatchOptions{})
	require.NoError(t, err)
}

func (c *conducted) names(t *testing.T, options metav1.ListOptions) (names []string) {
	t.Helper()

	list, err := c.objects(t).List(t.Context(), options)
	require.NoError(t, err)

	for _, one := range list.Items {
		names = append(names, one.GetName())
	}

	return names
}

// isWorking says whether an object is ready as it is asked for now.
func isWorking(object *unstructured.Unstructured) bool {
	reason, _ := conditionOf(object, "Ready")

	return reason == "Ready"
}

func (c *conducted) awaitWorking(t *testing.T, name string) {
	t.Helper()
	c.awaitFor(t, 2*patience, func() bool { return isWorking(c.found(t, name)) }, func() string {
		reason, message := conditionOf(c.found(t, name), "Ready")

		return name + " is not ready: " + reason + ": " + message
	})
}
