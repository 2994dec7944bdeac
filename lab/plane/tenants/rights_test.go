// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// applicationRights are those that TestApplications uses, and TestTenants does not: whoever releases applications needs Flux.
func applicationRights() []right {
	const (
		crds, flux, rbac = "apiextensions.k8s.io", "helm.toolkit.fluxcd.io", "rbac.authorization.k8s.io"
	)

	return []right{
		// Each definition becomes a kind.
		{crds, "customresourcedefinitions", "create"},
		{crds, "customresourcedefinitions", "update"},
		{crds, "customresourcedefinitions", "delete"},
		// Each application becomes a release.
		{flux, "helmreleases", "get"},
		{flux, "helmreleases", "list"},
		{flux, "helmreleases", "watch"},
		{flux, "helmreleases", "create"},
		{flux, "helmreleases", "update"},
		{flux, "helmreleases", "delete"},
		// Levels are given each kind.
		{rbac, "clusterroles", "create"},
		{rbac, "clusterroles", "patch"},
		// Credentials are given away.
		{rbac, "roles", "create"},
		{rbac, "roles", "patch"},
		{rbac, "roles", "delete"},
		{rbac, "rolebindings", "delete"},
	}
}

// unseen says of rights why no request tells that they are needed. Each is one right: a whole group would excuse too much.
func unseen() map[right]string {
	const noEtcd = "no operator of etcd here: tenant/controller's tests keep and delete its clusters in a fake client"

	const noPostgres = "no CloudNativePG here: tenant/controller's tests keep and delete what object storage has of it in a fake client"

	const noGrafana = "no operator of Grafana here: tenant/controller's tests stop and delete what monitoring has of it in a fake client"

	const noCilium = "no Cilium here: tenant/controller's tests write its policies to a fake client"

	return map[right]string{
		{"apps.cozystack.io", "*", "update"}:           "given to levels: the API server asks for it when their roles are made",
		{"apps.cozystack.io", "*", "deletecollection"}: "given to levels: the API server asks for it when their roles are made",

		{"rbac.authorization.k8s.io", "clusterroles", "bind"}: "the API server asks for it when a role binding is made",
		{"rbac.authorization.k8s.io", "roles", "bind"}:        "the API server asks for it when a role binding is made",
		{"rbac.authorization.k8s.io", "roles", "escalate"}:    "the API server asks for it when a role is made",

		{"etcd-operator.cozystack.io", "etcdclusters", "get"}:    noEtcd,
		{"etcd-operator.cozystack.io", "etcdclusters", "delete"}: noEtcd,

		{"postgresql.cnpg.io", "clusters", "get"}:    noPostgres,
		{"postgresql.cnpg.io", "clusters", "delete"}: noPostgres,

		{"grafana.integreatly.org", "grafanas", "get"}:    noGrafana,
		{"grafana.integreatly.org", "grafanas", "patch"}:  noGrafana,
		{"grafana.integreatly.org", "grafanas", "delete"}: noGrafana,

		{"cilium.io", "ciliumnetworkpolicies", "list"}:              noCilium,
		{"cilium.io", "ciliumnetworkpolicies", "watch"}:             noCilium,
		{"cilium.io", "ciliumnetworkpolicies", "create"}:            noCilium,
		{"cilium.io", "ciliumnetworkpolicies", "patch"}:             noCilium,
		{"cilium.io", "ciliumclusterwidenetworkpolicies", "list"}:   noCilium,
		{"cilium.io", "ciliumclusterwidenetworkpolicies", "watch"}:  noCilium,
		{"cilium.io", "ciliumclusterwidenetworkpolicies", "create"}: noCilium,
		{"cilium.io", "ciliumclusterwidenetworkpolicies", "patch"}:  noCilium,
		{"cilium.io", "ciliumclusterwidenetworkpolicies", "delete"}: noCilium,
	}
}

// atTimes are rights whose requests come or don't, as time has it.
func atTimes() map[right]string {
	return map[right]string{
		{"", "events", "patch"}:                 "an event that happens again is counted up",
		{"events.k8s.io", "events", "patch"}:    "an event that happens again is counted up",
		{"", "events", "create"}:                "the election of a leader is told so",
		{"apps.cozystack.io", "tenants", "get"}: "what a deletion waits for too long is asked what it says",
		{"apps.cozystack.io", "*", "get"}:       "what a deletion waits for too long is asked what it says",
	}
}

// rightsAreUsed compares what the controller has asked in all the tests before with what its charts ask for, and with what is
// said of those rights that it has not used: an excuse that nothing needs is a fault too.
func (w *world) rightsAreUsed(t *testing.T) {
	given, judged := w.rightsGiven(t), w.judged(t)
	elsewhere, excused := applicationRights(), unseen()

	var wrong []string

	for one := range given {
		require.NotContains(t, one.resource, "secrets", "the controller reads no Secrets")

		isSeen, isExcused := w.requests.have(one), excused[one] != "" || slices.Contains(elsewhere, one)

		switch {
		case atTimes()[one] != "" || judged[one]:
		case isSeen && isExcused:
			wrong = append(wrong, "excused, and used: "+one.String())
		case !isSeen && !isExcused:
			wrong = append(wrong, "nothing used it: "+one.String())
		}
	}

	for _, one := range slices.Concat(elsewhere, slices.Collect(maps.Keys(excused)), slices.Collect(maps.Keys(atTimes()))) {
		if !given[one] {
			wrong = append(wrong, "excused, and the controller has no such right: "+one.String())
		}
	}

	slices.Sort(wrong)
	require.Empty(t, wrong, "rights of the controller:\n%s", strings.Join(wrong, "\n"))

	for one := range w.requests.seen {
		require.False(t, strings.HasPrefix(one.resource, "secrets"), "the controller asks for Secrets: %s", one)
	}
}

// applicationsUseTheirRights holds TestApplications to what TestTenants leaves to it.
func (w *world) applicationsUseTheirRights(t *testing.T) {
	var unused []string

	for _, one := range applicationRights() {
		if !w.requests.have(one) {
			unused = append(unused, one.String())
		}
	}

	require.Empty(t, unused, "rights of the controller that nothing used:\n%s", strings.Join(unused, "\n"))
}

// rightsGiven are all that the controller has.
func (w *world) rightsGiven(t *testing.T) map[right]bool {
	t.Helper()

	admin, err := client.New(w.plane.RESTConfig(), client.Options{})
	require.NoError(t, err)

	var (
		cluster rbacv1.ClusterRole
		own     rbacv1.Role
	)

	require.NoError(t, admin.Get(t.Context(), client.ObjectKey{Name: "cozy-controller"}, &cluster))
	require.NoError(t, admin.Get(t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: "cozy-controller"}, &own))

	all := map[right]bool{}

	for _, rule := range slices.Concat(cluster.Rules, own.Rules) {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					all[right{group, resource, verb}] = true
				}
			}
		}
	}

	return all
}

// judged are the rights to look at what operators make of applications, and to delete what these leave behind: of the kinds that
// definitions name, which are not there. That each definition's kinds are among the rights is tested in manifests.
func (w *world) judged(t *testing.T) map[right]bool {
	t.Helper()

	definitions := &unstructured.UnstructuredList{}
	definitions.SetAPIVersion("cozystack.io/v1alpha1")
	definitions.SetKind("ApplicationDefinitionList")
	require.NoError(t, w.client.List(t.Context(), definitions))

	all := map[right]bool{}

	for i := range definitions.Items {
		for verbs, path := range map[string][]string{
			"list watch": {"spec", "release", "healthCheckExprs"}, "list deletecollection": {"spec", "leftovers"},
		} {
			named, _, err := unstructured.NestedSlice(definitions.Items[i].Object, path...)
			require.NoError(t, err)

			for _, raw := range named {
				one, _ := raw.(map[string]any)
				version, _ := one["apiVersion"].(string)
				kind, _ := one["kind"].(string)
				resource, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(version, kind))

				for verb := range strings.FieldsSeq(verbs) {
					all[right{resource.Group, resource.Resource, verb}] = true
				}
			}
		}
	}

	require.NotEmpty(t, all)

	return all
}
