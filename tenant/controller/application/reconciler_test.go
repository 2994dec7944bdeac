// SPDX-License-Identifier: Apache-2.0

package application

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

func valuesOf(t *testing.T, release *unstructured.Unstructured) map[string]any {
	t.Helper()
	require.NotNil(t, release)

	values, _, err := unstructured.NestedMap(release.Object, "spec", "values")
	require.NoError(t, err)

	return values
}

func TestObjectIsReleased(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", map[string]any{"size": int64(3)}))
	l.settle()

	values := valuesOf(t, l.releaseOf("depot-one"))
	require.Equal(t, int64(3), values["size"])
	require.Equal(t, "alpha.example.org", values["_tenant"].(map[string]any)["host"])

	one := l.depot("one")
	require.Equal(t, []string{Finalizer}, one.GetFinalizers())

	reason, _ := l.ready(one)
	require.Equal(t, application.ReasonProgressing, reason)

	l.say(l.releaseOf("depot-one"), "True", "")
	require.Equal(t, []string{"status Depot one"}, l.settle())

	reason, _ = l.ready(l.depot("one"))
	require.Equal(t, "Ready", reason)
	require.Equal(t, "1.0.0+abc", statusOf(l.depot("one")).Version)
	require.Empty(t, l.settle(), "nothing changed")
}

func TestChangesReachTheRelease(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", map[string]any{"size": int64(3), "options": map[string]any{"safe": true}}))
	l.settle()

	l.change(l.depot("one"), func(o map[string]any) { o["spec"] = map[string]any{"options": map[string]any{}} })
	require.Contains(t, l.settle(), "update HelmRelease depot-one")

	values := valuesOf(t, l.releaseOf("depot-one"))
	require.NotContains(t, values, "size")
	require.Equal(t, map[string]any{}, values["options"], "null would take the chart's default away")

	moved := alpha()
	moved.Host = "moved.example.org"
	l.tenants.resolved["tenant-alpha"] = moved
	l.settle()
	require.Equal(t, "moved.example.org", valuesOf(t, l.releaseOf("depot-one"))["_tenant"].(map[string]any)["host"])
}

func TestWhatOthersPutIntoAReleaseGoes(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil))
	l.settle()

	l.change(l.releaseOf("depot-one"), func(o map[string]any) {
		spec := o["spec"].(map[string]any)
		spec["values"].(map[string]any)["foreign"] = "x"
		spec["serviceAccountName"] = "flux"
		spec["suspend"] = true
	})
	require.Contains(t, l.settle(), "update HelmRelease depot-one")

	release := l.releaseOf("depot-one")
	require.NotContains(t, valuesOf(t, release), "foreign")

	account, _, _ := unstructured.NestedString(release.Object, "spec", "serviceAccountName")
	require.Equal(t, "tenant-releases", account)

	isSuspended, _, _ := unstructured.NestedBool(release.Object, "spec", "suspend")
	require.True(t, isSuspended, "operators suspend releases")
}

func TestReleaseOfAnotherIsLeftAlone(t *testing.T) {
	foreign := watch.Object(releaseKind())
	foreign.SetNamespace("tenant-alpha")
	foreign.SetName("depot-one")
	foreign.Object["spec"] = map[string]any{"suspend": false}

	l := newLab(t, flux(), depots(), depotNamed("one", nil), foreign)
	l.settle()

	reason, _ := l.ready(l.depot("one"))
	require.Equal(t, application.ReasonReleaseTaken, reason)
	require.Equal(t, foreign.Object["spec"], l.releaseOf("depot-one").Object["spec"])
	require.Empty(t, l.depot("one").GetFinalizers())

	l.delete(l.depot("one"))
	l.settle()
	require.Nil(t, l.depot("one"))
	require.NotNil(t, l.releaseOf("depot-one"))
}

func TestObjectWithoutTenantIsRefused(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil))
	l.tenants.resolved = nil
	l.tenants.isKnown = false
	l.settle()
	require.Nil(t, l.depot("one").Object["status"], "nobody has looked at the tree yet")

	l.tenants.isKnown = true
	l.settle()

	reason, message := l.ready(l.depot("one"))
	require.Equal(t, application.ReasonRefused, reason)
	require.Contains(t, message, "metadata.namespace")
	require.Nil(t, l.releaseOf("depot-one"))
}

// etcds is the kind that runs etcd, and an object of it.
func etcds(namespace string) (*definition.ApplicationDefinition, *unstructured.Unstructured) {
	made := depots(func(s *definition.ApplicationDefinitionSpec) {
		s.Application = definition.ApplicationKind{Kind: "Etcd", Singular: "etcd", Plural: "etcds"}
		s.Service, s.Release.Prefix, s.Credentials = "etcd", "", nil
	})
	made.Name = "etcd"

	object := watch.Object(etcdKind)
	object.SetNamespace(namespace)
	object.SetName("etcd")
	object.SetGeneration(1)

	return made, object
}

func TestObjectWaitsForItsServices(t *testing.T) {
	kind, etcd := etcds("tenant-root")
	l := newLab(t, flux(), kind, etcd, depots(func(s *definition.ApplicationDefinitionSpec) { s.Needs = []string{"etcd"} }), depotNamed("one", nil))
	root := tenant.Resolved{Namespace: "tenant-root"}
	l.tenants.resolved["tenant-root"] = root
	l.settle()

	reason, message := l.ready(l.depot("one"))
	require.Equal(t, application.ReasonWaitingForService, reason)
	require.Equal(t, "no etcd: neither this tenant nor one above it runs it", message)

	resolved := alpha()
	resolved.Services[tenant.Etcd] = tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-root"}
	l.tenants.resolved["tenant-alpha"] = resolved
	l.settle()

	_, message = l.ready(l.depot("one"))
	require.Equal(t, "etcd of tenant-root is not ready", message)
	require.Nil(t, l.releaseOf("depot-one"))

	before := l.get(etcdKind, "tenant-root", "etcd")
	l.say(l.get(releaseKind(), "tenant-root", "etcd"), "True", "")
	l.settle()

	provider := application.Provider{Service: tenant.Etcd, Namespace: "tenant-root"}
	canBeUsed, err := l.serviceReady(t.Context(), provider)
	require.NoError(t, err)
	require.True(t, canBeUsed)
	require.NotNil(t, l.releaseOf("depot-one"))

	// The change of the service wakes who uses it, and only who uses it.
	asked(t, l.waves)
	l.informers[etcdKind].heard.OnUpdate(before, l.get(etcdKind, "tenant-root", "etcd"))
	require.Equal(t, []wave{{service: "etcd", providedBy: "tenant-root"}}, asked(t, l.waves))

	for one, isUser := range map[wave]bool{
		{service: "etcd", providedBy: "tenant-root"}: true, {service: "etcd", providedBy: "tenant-beta"}: false,
		{service: "ingress", providedBy: "tenant-root"}: false, {service: "etcd"}: true, {}: true, {namespace: "tenant-root"}: false,
	} {
		asked(t, l.applications)

		_, err = (&waver{l.world}).Reconcile(t.Context(), one)
		require.NoError(t, err)

		user := request{kind: "Depot", key: client.ObjectKey{Namespace: "tenant-alpha", Name: "one"}}
		require.Equal(t, isUser, slices.Contains(asked(t, l.applications), user), "%+v", one)
	}
}

func TestDeletionWaitsForTheRelease(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil))
	l.settle()

	held := l.releaseOf("depot-one")
	held.SetFinalizers([]string{"finalizers.fluxcd.io"})
	l.change(held, func(o map[string]any) { o["spec"].(map[string]any)["suspend"] = true })

	l.delete(l.depot("one"))
	require.Equal(t, []string{"update HelmRelease depot-one", "delete HelmRelease depot-one", "status Depot one"}, l.settle()[:3],
		"Flux would leave behind what a suspended release made")

	reason, message := l.ready(l.depot("one"))
	require.Equal(t, application.ReasonDeleting, reason)
	require.Equal(t, "waiting for HelmRelease depot-one to be removed", message)
	require.Positive(t, l.reconcile("Depot", "tenant-alpha", "one").RequeueAfter, "it looks again when it is overdue")

	now := time.Now().Add(deletionTime + time.Minute)
	l.now = func() time.Time { return now }
	l.say(l.releaseOf("depot-one"), "False", "account tenant-releases may not")
	l.settle()

	reason, message = l.ready(l.depot("one"))
	require.Equal(t, ReasonDeletionOverdue, reason)
	require.Contains(t, message, "may not")

	freed := l.releaseOf("depot-one")
	freed.SetFinalizers(nil)
	require.NoError(t, l.client.Update(t.Context(), freed))
	l.settle()
	require.Nil(t, l.depot("one"))
}
