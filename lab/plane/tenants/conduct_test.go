// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// behavesAsKubernetesDoes tries with kubectl and with a client what users of Kubernetes expect of any kind. The parts build on
// each other.
func (c *conducted) behavesAsKubernetesDoes(t *testing.T) {
	t.Helper()
	t.Run("apply and wait", c.kubectlApplies)
	t.Run("server-side apply by two managers", c.twoManagersApply)
	t.Run("dry run", c.dryRunStoresNothing)
	t.Run("diff", c.kubectlDiffs)
	t.Run("explain", c.kubectlExplains)
	t.Run("patches of all kinds", c.patchesOfAllKinds)
	t.Run("selectors of fields and labels", c.selectorsSelect)
	t.Run("limit and continue", c.listsAreContinued)
	t.Run("codes of conflicts", c.conflictsHaveCodes)
	t.Run("what can't be is refused", c.wrongObjectsHaveCodes)
	t.Run("watch goes on after a restart of the controller", c.watchIsResumed)
	t.Run("delete-collection and wait", c.collectionIsDeleted)
}

// file writes an object down, with the label that collects those of these tests.
func (c *conducted) file(t *testing.T, name, spec string) string {
	t.Helper()

	return c.manifest(t, fmt.Sprintf(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": %q,
		"metadata": {"namespace": %q, "name": %q, "labels": {"conduct": "yes"}}, "spec": %s}`, c.kind, c.namespace, name, spec))
}

// worded is a spec that says a word and nothing else.
func (c *conducted) worded(word string) string { return fmt.Sprintf(`{%q: %q}`, c.text, word) }

// named is an object as kubectl names it.
func (c *conducted) named(name string) string {
	return strings.ToLower(c.kind) + ".apps.cozystack.io/" + name
}

// says runs kubectl and wants it to succeed, or not, with these words.
func (w *world) says(t *testing.T, succeeds bool, words string, arguments ...string) {
	t.Helper()

	out, err := w.kubectl(t, arguments...)
	require.Equal(t, succeeds, err == nil, "kubectl %s: %v: %s", strings.Join(arguments, " "), err, out)
	require.Contains(t, out, words, "kubectl %s", strings.Join(arguments, " "))
}

func (c *conducted) kubectlApplies(t *testing.T) {
	file, applied := c.file(t, "applied", c.worded("one.example.com")), c.named("applied")
	c.says(t, true, applied+" created", "apply", "--filename", file)
	c.works(t, "applied")
	c.says(t, true, "condition met", "wait", "--for=condition=Ready", applied, "--namespace="+c.namespace, "--timeout=120s")
	c.says(t, true, applied+" unchanged", "apply", "--filename", file)
	c.says(t, true, applied+" configured", "apply", "--filename", c.file(t, "applied", c.beside))
	require.Empty(t, c.word(t, "applied"), "what is no longer applied is taken away")
}

func (c *conducted) twoManagersApply(t *testing.T) {
	apply := func(manager, spec string, more ...string) []string {
		return append([]string{"apply", "--server-side", "--field-manager", manager, "--filename", c.file(t, "shared", spec)}, more...)
	}

	c.says(t, true, "serverside-applied", apply("one", c.worded("two.example.com"))...)
	c.says(t, true, "serverside-applied", apply("two", c.beside)...)
	require.Len(t, c.spec(t, "shared"), 2, "each has its field")
	c.says(t, false, `conflict with "one"`, apply("two", c.worded("three.example.com"))...)
	c.says(t, true, "serverside-applied", apply("two", c.worded("three.example.com"), "--force-conflicts")...)
	require.Equal(t, map[string]any{c.text: "three.example.com"}, c.spec(t, "shared"), "its manager no longer applies the other")
	// The controller writes status and finalizers, and so is no manager of anything that users apply.
	c.works(t, "shared")
	c.awaitWorking(t, "shared")

	for _, manager := range c.found(t, "shared").GetManagedFields() {
		if manager.Manager == "cozy-controller" {
			require.NotContains(t, manager.FieldsV1.GetRawString(), `"f:spec"`)
		}
	}
}

func (c *conducted) dryRunStoresNothing(t *testing.T) {
	dry, bad := c.file(t, "dry", "{}"), c.wrong["name"]
	c.says(t, true, "created (server dry run)", "apply", "--dry-run=server", "--filename", dry)
	c.says(t, true, "created (dry run)", "apply", "--dry-run=client", "--filename", dry)
	c.says(t, false, bad.says, "apply", "--dry-run=server", "--filename", c.file(t, bad.name, "{}"))
	c.says(t, false, `"dry" not found`, "get", c.named("dry"), "--namespace="+c.namespace)
}

func (c *conducted) kubectlDiffs(t *testing.T) {
	c.says(t, true, "", "diff", "--filename", c.file(t, "applied", c.beside))
	c.says(t, false, "+  "+c.text+": four.example.com", "diff", "--filename", c.file(t, "applied", c.worded("four.example.com")))
}

func (c *conducted) kubectlExplains(t *testing.T) {
	for field, words := range c.explained {
		c.says(t, true, words, "explain", c.plural+field)
	}
}

func (c *conducted) collectionIsDeleted(t *testing.T) {
	ours := []client.DeleteAllOfOption{client.InNamespace(c.namespace), client.MatchingLabels{"conduct": "yes"}}
	deletes := func(group string) error {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(c.kind))

		return c.as(t, "boss", group).DeleteAllOf(t.Context(), object, ours...)
	}

	require.True(t, apierrors.IsForbidden(deletes(c.mayNotDelete)))
	require.NoError(t, deletes(c.mayDelete))
	c.says(t, true, "", "wait", "--for=delete", c.plural, "--selector=conduct=yes", "--namespace="+c.namespace, "--timeout=120s")
	require.Empty(t, c.names(t, metav1.ListOptions{LabelSelector: "conduct=yes"}))
	require.Contains(t, c.names(t, metav1.ListOptions{}), c.other, "the others stay")
}

func (w *world) emptyNamespaceComesAndGoes(t *testing.T) {
	w.createNamespace(t, "empty")
	w.says(t, true, "deleted", "delete", "namespace", "empty", "--timeout=60s")

	// So does a tenant's, in which nothing was made by users.
	w.create(t, "tenant-root", "empty", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "empty")
	w.says(t, true, "deleted", "delete", "tenant", "empty", "--namespace=tenant-root", "--timeout=60s")
	w.awaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-empty"}})
}
