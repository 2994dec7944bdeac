// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/lab/owncharts"
	"github.com/cozystack/cozy-install/manifests"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// ofDepot is how the kinds that tenant-applications defines are released here: by the chart of depots, as their operators are not
// there. What they need, and what keeps their data, is as it is defined.
const ofDepot = `
application: {openAPISchema: '` + depotSchema + `'}
requires: [shelves.lab.example.org]
leftovers: []
credentials: []
release:
  chart: {name: depot, sourceRef: {name: elsewhere, namespace: cozy-system}}
  healthCheckExprs: [{apiVersion: lab.example.org/v1, kind: Shelf, current: "status.phase == 'Ready'"}]
`

// clustersStayOnTheirEtcd: the etcd of root is the one of alpha too, until alpha gets its own.
func (w *world) clustersStayOnTheirEtcd(t *testing.T, version string) {
	t.Helper()

	w.defineByDepot(t, version, "etcd", "ingress", "kubernetes")
	w.change(t, "tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Etcd, spec.Ingress = true, true })
	w.operate(t, "tenant-root", "etcd")
	w.operate(t, "tenant-root", "ingress")
	w.awaitReady(t, "tenant-root", "root")

	w.orderCluster(t, "old")
	require.Equal(t, "tenant-root", w.etcdOf(t, "old"))
	require.Empty(t, w.clusterSays(t, "old", "ServiceMoved"))

	w.change(t, "tenant-root", "alpha", func(spec *v1alpha1.TenantSpec) { spec.Etcd = true })
	w.operate(t, "tenant-alpha", "etcd")
	w.awaitReady(t, "tenant-root", "alpha")

	const moved = "the application stays with etcd of tenant-root, where its data is; the tenant has that of tenant-alpha"

	w.await(t, func() bool { return w.clusterSays(t, "old", "ServiceMoved") == moved }, func() string { return "nobody says that the etcd is another" })
	w.await(t, func() bool { return slices.Contains(w.eventsOf(t, "old"), "ServiceMoved: "+moved) },
		func() string { return "no event tells of it: " + strings.Join(w.eventsOf(t, "old"), "\n") })

	w.orderCluster(t, "new")
	require.Equal(t, "tenant-alpha", w.etcdOf(t, "new"))
	require.Empty(t, w.clusterSays(t, "new", "ServiceMoved"))

	// It stays when it is released anew.
	out, err := w.kubectl(t, "patch", "kuberneteses", "old", "--namespace", "tenant-alpha", "--type", "merge", "--patch", `{"spec": {"size": 7}}`)
	require.NoError(t, err, out)
	w.awaitFor(t, 2*patience, func() bool { return w.chartSays(t, "kubernetes-old")["size"] == "7" }, func() string { return "the change is not released" })
	require.Equal(t, "tenant-root", w.etcdOf(t, "old"))
	require.Equal(t, moved, w.clusterSays(t, "old", "ServiceMoved"))
	w.await(t, func() bool { reason, _ := conditionOf(w.cluster(t, "old"), "Ready"); return reason == "Ready" },
		func() string { return "that it stays is no fault" })

	out, err = w.kubectl(t, "patch", "tenant", "root", "--namespace", "tenant-root", "--type", "merge", "--patch", `{"spec": {"etcd": false}}`)
	require.Error(t, err)
	require.Contains(t, out, "tenant-alpha/Kubernetes/old")
}

// defineByDepot offers kinds of tenant-applications, as ofDepot has them.
func (w *world) defineByDepot(t *testing.T, version string, names ...string) {
	t.Helper()

	for _, name := range names {
		w.offer(t, definedByDepot(t, version, name))
	}
}

// definedByDepot is a definition of tenant-applications, as ofDepot has it.
func definedByDepot(t *testing.T, version, name string) *unstructured.Unstructured {
	t.Helper()

	repository, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)

	objects, err := owncharts.Objects(t.Context(), repository, "tenant-applications", systemNamespace)
	require.NoError(t, err)

	found := slices.IndexFunc(objects, func(one *unstructured.Unstructured) bool {
		return one.GetKind() == definition.ApplicationDefinitionKind && one.GetName() == name
	})
	require.GreaterOrEqual(t, found, 0, name)

	var changes map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(ofDepot), &changes))

	spec := objects[found].Object["spec"].(map[string]any)
	overlay(spec, changes)
	require.NoError(t, unstructured.SetNestedField(spec, version, "release", "chart", "version"))

	return objects[found]
}

func (w *world) offer(t *testing.T, of *unstructured.Unstructured) {
	t.Helper()
	require.NoError(t, w.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(of), client.FieldOwner("test")))
}

// overlay puts what is in changes over what is there, map by map.
func overlay(there, changes map[string]any) {
	for key, change := range changes {
		inner, isMap := change.(map[string]any)
		was, isThere := there[key].(map[string]any)

		if isMap && isThere {
			overlay(was, inner)
		} else {
			there[key] = change
		}
	}
}

// operate waits for what a release makes, and says that it works.
func (w *world) operate(t *testing.T, namespace, release string) {
	t.Helper()
	w.awaitFor(t, 2*patience, func() bool { return w.find(t, "lab.example.org/v1", "Shelf", namespace, release) != nil },
		func() string { return release + " of " + namespace + " is not released" })
	w.setPhase(t, namespace, release, "Ready")
}

func (w *world) orderCluster(t *testing.T, name string) {
	t.Helper()

	var out string

	w.await(t, func() (isApplied bool) { // a kind is served a moment after it is established
		var err error

		out, err = w.apply(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Kubernetes", "metadata": {"name": "`+name+`", "namespace": "tenant-alpha"}}`)

		return err == nil
	}, func() string { return out })
	w.operate(t, "tenant-alpha", "kubernetes-"+name)
	w.awaitFor(t, patience, func() bool { reason, _ := conditionOf(w.cluster(t, name), "Ready"); return reason == "Ready" },
		func() string { return name + ": " + w.clusterSays(t, name, "Ready") })
}

func (w *world) cluster(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()

	return w.find(t, v1alpha1.GroupVersion.String(), "Kubernetes", "tenant-alpha", name)
}

// clusterSays is the message of a condition; empty: it has none.
func (w *world) clusterSays(t *testing.T, name, kind string) string {
	t.Helper()

	_, message := conditionOf(w.cluster(t, name), kind)

	return message
}

// etcdOf is whose etcd a cluster is on, by its HelmRelease and by what its chart was told.
func (w *world) etcdOf(t *testing.T, name string) string {
	t.Helper()

	release := w.find(t, "helm.toolkit.fluxcd.io/v2", "HelmRelease", "tenant-alpha", "kubernetes-"+name)
	require.NotNil(t, release)

	provider, _, err := unstructured.NestedString(release.Object, "spec", "values", "_tenant", "services", "etcd")
	require.NoError(t, err)
	require.Equal(t, provider, w.chartSays(t, "kubernetes-"+name)["etcd"])

	return provider
}

// eventsOf is what was told of a cluster.
func (w *world) eventsOf(t *testing.T, name string) (told []string) {
	t.Helper()

	var list eventsv1.EventList
	require.NoError(t, w.client.List(t.Context(), &list, client.InNamespace("tenant-alpha")))

	for i := range list.Items {
		if of := list.Items[i].Regarding; of.Kind == "Kubernetes" && of.Name == name {
			told = append(told, list.Items[i].Reason+": "+list.Items[i].Note)
		}
	}

	return told
}
