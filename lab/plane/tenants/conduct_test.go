// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// tenantsBehaveAsKubernetesDoes tries with kubectl and with a client what users of Kubernetes expect of any kind.
func (w *world) tenantsBehaveAsKubernetesDoes(t *testing.T) {
	t.Run("apply and wait", w.kubectlApplies)
	t.Run("server-side apply by two managers", w.twoManagersApply)
	t.Run("dry run", w.dryRunStoresNothing)
	t.Run("diff", w.kubectlDiffs)
	t.Run("explain", w.kubectlExplains)
	t.Run("patches of all kinds", w.patchesOfAllKinds)
	t.Run("selectors of fields and labels", w.selectorsSelect)
	t.Run("limit and continue", w.listsAreContinued)
	t.Run("codes of conflicts", w.conflictsHaveCodes)
	t.Run("what can't be is refused", w.wrongObjectsHaveCodes)
	t.Run("an empty namespace comes and goes", w.emptyNamespaceComesAndGoes)
	t.Run("watch goes on after a restart of the controller", w.watchIsResumed)
	t.Run("delete-collection and wait", w.collectionIsDeleted)
}

// manifest writes a tenant down, in tenant-root, with the label that collects those of these tests.
func manifest(t *testing.T, name, spec string) string {
	t.Helper()

	file := filepath.Join(t.TempDir(), name+".json")
	text := fmt.Sprintf(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant",
		"metadata": {"namespace": "tenant-root", "name": %q, "labels": {"conduct": "yes"}}, "spec": %s}`, name, spec)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	return file
}

// says runs kubectl and wants it to succeed, or not, with these words.
func (w *world) says(t *testing.T, succeeds bool, words string, arguments ...string) {
	t.Helper()

	out, err := w.kubectl(t, arguments...)
	require.Equal(t, succeeds, err == nil, "kubectl %s: %v: %s", strings.Join(arguments, " "), err, out)
	require.Contains(t, out, words, "kubectl %s", strings.Join(arguments, " "))
}

func (w *world) kubectlApplies(t *testing.T) {
	file := manifest(t, "applied", `{"host": "one.example.com"}`)
	w.says(t, true, "tenant.apps.cozystack.io/applied created", "apply", "--filename", file)
	w.says(t, true, "condition met", "wait", "--for=condition=Ready", "tenant/applied", "--namespace=tenant-root", "--timeout=60s")
	w.says(t, true, "tenant.apps.cozystack.io/applied unchanged", "apply", "--filename", file)
	w.says(t, true, "tenant.apps.cozystack.io/applied configured", "apply", "--filename", manifest(t, "applied", `{"etcd": false}`))
	require.Empty(t, w.get(t, "tenant-root", "applied").Spec.Host, "what is no longer applied is taken away")
}

func (w *world) twoManagersApply(t *testing.T) {
	apply := func(manager, spec string, more ...string) []string {
		return append([]string{"apply", "--server-side", "--field-manager", manager, "--filename", manifest(t, "shared", spec)}, more...)
	}

	w.says(t, true, "serverside-applied", apply("one", `{"host": "two.example.com"}`)...)
	w.says(t, true, "serverside-applied", apply("two", `{"resourceQuotas": {"pods": "5"}}`)...)
	w.says(t, false, `conflict with "one"`, apply("two", `{"host": "three.example.com"}`)...)
	w.says(t, true, "serverside-applied", apply("two", `{"host": "three.example.com"}`, "--force-conflicts")...)

	shared := w.get(t, "tenant-root", "shared").Spec
	require.Equal(t, "three.example.com", shared.Host)
	require.Empty(t, shared.ResourceQuotas, "its manager no longer applies it")
	// The controller writes status and finalizers, and so is no manager of anything that users apply.
	w.awaitReady(t, "tenant-root", "shared")

	for _, manager := range w.get(t, "tenant-root", "shared").ManagedFields {
		if manager.Manager == "cozy-controller" {
			require.NotContains(t, manager.FieldsV1.GetRawString(), `"f:spec"`)
		}
	}
}

func (w *world) dryRunStoresNothing(t *testing.T) {
	w.says(t, true, "created (server dry run)", "apply", "--dry-run=server", "--filename", manifest(t, "dry", `{}`))
	w.says(t, true, "created (dry run)", "apply", "--dry-run=client", "--filename", manifest(t, "dry", `{}`))
	w.says(t, false, `metadata.name: "super": this name is reserved`, "apply", "--dry-run=server", "--filename", manifest(t, "super", `{}`))
	w.says(t, false, `"dry" not found`, "get", "tenant", "dry", "--namespace=tenant-root")
}

func (w *world) kubectlDiffs(t *testing.T) {
	same, other := manifest(t, "applied", `{"etcd": false}`), manifest(t, "applied", `{"host": "four.example.com"}`)
	w.says(t, true, "", "diff", "--filename", same)
	w.says(t, false, "+  host: four.example.com", "diff", "--filename", other)
}

func (w *world) kubectlExplains(t *testing.T) {
	for field, words := range map[string]string{
		"tenants": "main unit of security", "tenants.spec.resourceQuotas": "Bounds of what this tenant",
		"tenants.status.namespace": "The tenant's own namespace",
	} {
		w.says(t, true, words, "explain", field)
	}
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

func (w *world) collectionIsDeleted(t *testing.T) {
	ours := []client.DeleteAllOfOption{client.InNamespace("tenant-root"), client.MatchingLabels{"conduct": "yes"}}
	require.True(t, apierrors.IsForbidden(w.as(t, "boss", "tenant-root-admin").DeleteAllOf(t.Context(), &v1alpha1.Tenant{}, ours...)))
	require.NoError(t, w.as(t, "boss", "tenant-root-super-admin").DeleteAllOf(t.Context(), &v1alpha1.Tenant{}, ours...))
	w.says(t, true, "", "wait", "--for=delete", "tenant", "--selector=conduct=yes", "--namespace=tenant-root", "--timeout=60s")

	var left v1alpha1.TenantList
	require.NoError(t, w.client.List(t.Context(), &left, client.MatchingLabels{"conduct": "yes"}))
	require.Empty(t, left.Items)
	require.NotEmpty(t, w.get(t, "tenant-root", "alpha").Name, "the others stay")
}
