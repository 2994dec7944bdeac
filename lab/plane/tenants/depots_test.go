// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/lab/plane"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// From a definition to what runs and back to nothing, with a real API server, Flux and the controller as its own account. The
// parts build on each other and share one plane.
func TestApplications(t *testing.T) {
	w := newWorldOn(t, plane.Start(t))
	w.startController(t)

	for _, chart := range []string{"cozy-controller", "tenant-api", "tenant-roles", "tenant-admission"} {
		w.install(t, chart)
	}

	w.rootIsAdopted(t)
	w.create(t, "tenant-root", "alpha", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "alpha")

	version := w.serveDepot(t)

	ok := t.Run("a Helm release becomes a tenant, which goes with it", w.tenantsComeByReleases) &&
		t.Run("a kind is published when what it requires is there", func(t *testing.T) { w.kindIsPublished(t, version) }) &&
		t.Run("a kind follows its definition", func(t *testing.T) { w.kindFollows(t, version) }) &&
		t.Run("an object is ready when what it made is", w.objectIsReleased) &&
		t.Run("applications behave as Kubernetes does", w.applicationsBehaveAsKubernetesDoes) &&
		t.Run("two managers share an object", w.managersShare) &&
		t.Run("a map that is emptied stays a map", w.emptiedMapStays) &&
		t.Run("level use reads the credentials and nobody below", w.credentialsAreRead) &&
		t.Run("so it does of tenants below", w.credentialsReachUp) &&
		t.Run("a tenant's host reaches the application", w.hostReachesDepots) &&
		t.Run("restart writes nothing to applications", w.restartLeavesDepots) &&
		t.Run("delete leaves nothing", w.deleteLeavesNothing) &&
		t.Run("a kind goes with its last object", w.kindGoes) &&
		t.Run("a cluster stays on the etcd that it was made on", func(t *testing.T) { w.clustersStayOnTheirEtcd(t, version) }) &&
		t.Run("object storage gets pools of disks", func(t *testing.T) { w.storageGetsPools(t, version) }) &&
		t.Run("rights that are for applications are used", w.applicationsUseTheirRights)
	require.True(t, ok, "the parts after the failed one were not run")

	w.stopController(t)
}

func (w *world) awaitPublished(t *testing.T, name, reason string) (message string) {
	t.Helper()

	var found string

	w.await(t, func() bool {
		found, message = conditionOf(w.find(t, "cozystack.io/v1alpha1", "ApplicationDefinition", "", name), "Published")

		return found == reason
	}, func() string { return name + ": " + found + ", not " + reason + ": " + message })

	return message
}

func (w *world) kindIsPublished(t *testing.T, version string) {
	t.Helper()

	w.applyYAML(t, depots(version))
	require.Equal(t, "waiting for CustomResourceDefinitions to be established: shelves.lab.example.org", w.awaitPublished(t, "depot", "RequirementsMissing"))
	require.Nil(t, w.find(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "depots.apps.cozystack.io"))

	for part := range strings.SplitSeq(parts, "\n---\n") {
		w.applyYAML(t, part)
	}

	w.applyYAML(t, shelves)
	w.awaitPublished(t, "depot", "Published")
}

func (w *world) objectIsReleased(t *testing.T) {
	var out string

	w.await(t, func() (isApplied bool) { // a kind is served a moment after it is established
		var err error

		out, err = w.apply(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Depot",
			"metadata": {"name": "one", "namespace": "tenant-alpha"}, "spec": {"size": 3, "options": {"safe": true}}}`)

		return err == nil
	}, func() string { return out })
	require.Contains(t, w.awaitDepot(t, "one", "Unhealthy"), "Shelf depot-one")
	w.setPhase(t, "tenant-alpha", "depot-one", "Broken")
	w.awaitFor(t, patience, func() bool {
		_, message := conditionOf(w.depotNamed(t, "one"), "Ready")

		return message == "Shelf depot-one has failed"
	}, func() string { return "a broken shelf is not noticed" })
	w.setPhase(t, "tenant-alpha", "depot-one", "Ready")
	w.awaitDepot(t, "one", "Ready")

	require.Equal(t, map[string]string{
		"host": "depot-one.alpha.example.org", "etcd": "", "size": "3", "options": `{"fast":true,"safe":true}`,
	}, w.depotSays(t, "one"))

	found := w.depotNamed(t, "one")
	require.Equal(t, []string{"cozystack.io/application"}, found.GetFinalizers())

	status, _, _ := unstructured.NestedMap(found.Object, "status")
	require.Equal(t, "depot-one", status["release"])
	require.Contains(t, status["version"], "1.2.3+")
	require.Equal(t, []any{map[string]any{"secret": "depot-one-password", "description": "password of one"}}, status["credentials"])
}

// setPhase is what the operator would do with the shelf that a release has made.
func (w *world) setPhase(t *testing.T, namespace, release, phase string) {
	t.Helper()

	shelf := w.find(t, "lab.example.org/v1", "Shelf", namespace, release)
	require.NotNil(t, shelf)
	require.NoError(t, unstructured.SetNestedField(shelf.Object, phase, "status", "phase"))
	require.NoError(t, w.client.Status().Update(t.Context(), shelf))
}

func (w *world) depotSays(t *testing.T, name string) map[string]string {
	t.Helper()

	return w.chartSays(t, "depot-"+name)
}

// chartSays is what the chart of a release in tenant-alpha made of its values.
func (w *world) chartSays(t *testing.T, release string) map[string]string {
	t.Helper()

	var found corev1.ConfigMap

	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: "tenant-alpha", Name: release}, &found)
	require.NoError(t, client.IgnoreNotFound(err))

	return found.Data
}

func (w *world) hostReachesDepots(t *testing.T) {
	w.change(t, "tenant-root", "alpha", func(spec *v1alpha1.TenantSpec) { spec.Host = "moved.example.org" })
	w.awaitFor(t, 2*patience, func() bool { return w.depotSays(t, "one")["host"] == "depot-one.moved.example.org" },
		func() string { return "the host is " + w.depotSays(t, "one")["host"] })
	w.awaitDepot(t, "one", "Ready")
}

func (w *world) restartLeavesDepots(t *testing.T) {
	versions := func() []string {
		var all []string
		for _, object := range []*unstructured.Unstructured{
			w.depotNamed(t, "one"),
			w.find(t, "helm.toolkit.fluxcd.io/v2", "HelmRelease", "tenant-alpha", "depot-one"),
			w.find(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "depots.apps.cozystack.io"),
			w.find(t, "cozystack.io/v1alpha1", "ApplicationDefinition", "", "depot"),
			w.find(t, "rbac.authorization.k8s.io/v1", "Role", "tenant-alpha", "tenant-credentials"),
			w.find(t, "rbac.authorization.k8s.io/v1", "RoleBinding", "tenant-alpha", "tenant-credentials"),
		} {
			all = append(all, object.GetKind()+" "+object.GetResourceVersion())
		}

		return all
	}
	before := versions()

	// Flux, and the controller after it, may still have the last word on the change before.
	w.await(t, func() bool {
		was := before
		time.Sleep(2 * time.Second)
		before = versions()

		return slices.Equal(was, before)
	}, func() string { return fmt.Sprintf("still being written: %v", before) })

	w.stopController(t)
	w.startController(t)

	// What comes after it was started is seen by it.
	_, err := w.kubectl(t, "create", "--filename", w.manifest(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Depot",
		"metadata": {"name": "late", "namespace": "tenant-alpha"}, "spec": {}}`))
	require.NoError(t, err)
	w.awaitDepot(t, "late", "Unhealthy")
	require.Equal(t, before[:4], versions()[:4])
	require.Equal(t, before[5], versions()[5])
}

func (w *world) deleteLeavesNothing(t *testing.T) {
	for _, name := range []string{"one", "late"} {
		w.deleteDepot(t, name)
	}

	w.await(t, func() bool {
		return w.find(t, "rbac.authorization.k8s.io/v1", "Role", "tenant-alpha", "tenant-credentials") == nil
	},
		func() string { return "the role of credentials is left" })
	require.Nil(t, w.find(t, "rbac.authorization.k8s.io/v1", "RoleBinding", "tenant-alpha", "tenant-credentials"))

	var secrets corev1.SecretList
	require.NoError(t, w.client.List(t.Context(), &secrets, client.InNamespace("tenant-alpha")))
	require.Empty(t, secrets.Items)
	require.Nil(t, w.depotSays(t, "one"))
	require.Nil(t, w.find(t, "lab.example.org/v1", "Shelf", "tenant-alpha", "depot-one"))
	require.Nil(t, w.find(t, "helm.toolkit.fluxcd.io/v2", "HelmRelease", "tenant-alpha", "depot-one"))
}

func (w *world) deleteDepot(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, w.client.Delete(t.Context(), w.depotNamed(t, name)))
	w.awaitFor(t, 2*patience, func() bool { return w.depotNamed(t, name) == nil }, func() string {
		_, message := conditionOf(w.depotNamed(t, name), "Ready")

		return name + " is still there: " + message
	})
}

// A definition that goes takes its kind along only when there is no object any more, and each of these can be deleted still.
func (w *world) kindGoes(t *testing.T) {
	_, err := w.apply(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Depot", "metadata": {"name": "last", "namespace": "tenant-alpha"}}`)
	require.NoError(t, err)
	w.awaitDepot(t, "last", "Unhealthy")

	definition := w.find(t, "cozystack.io/v1alpha1", "ApplicationDefinition", "", "depot")
	require.NoError(t, w.client.Delete(t.Context(), definition, client.PropagationPolicy(metav1.DeletePropagationForeground)))
	w.awaitGone(t, definition)
	w.stopController(t)
	w.startController(t)
	require.NotNil(t, w.find(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "depots.apps.cozystack.io"))

	require.NoError(t, w.as(t, "boss", "tenant-alpha-admin").Delete(t.Context(), w.depotNamed(t, "last")), "its tenant can still let it go")
	w.awaitFor(t, 2*patience, func() bool {
		return w.find(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "depots.apps.cozystack.io") == nil
	}, func() string { return "the kind is still there" })
	require.Nil(t, w.find(t, "helm.toolkit.fluxcd.io/v2", "HelmRelease", "tenant-alpha", "depot-last"))
}
