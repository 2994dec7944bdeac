// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/manifests"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// The parts build on each other and share one plane.
func TestTenants(t *testing.T) {
	w := newWorld(t)
	w.knowSite(t)
	w.giveMetrics(t)

	ok := t.Run("controller waits for its CRD and serves charts meanwhile", w.waitsForItsCRD) &&
		t.Run("root is adopted", w.rootIsAdopted) &&
		t.Run("applications are offered", w.applicationsAreOffered) &&
		t.Run("children get namespaces, hosts and services", w.childrenAreResolved) &&
		t.Run("kubectl prints what tenants are", w.kubectlPrints) &&
		t.Run("tokens are given of one's own level and below", w.tokensAreOfOnesLevel) &&
		t.Run("users run the commands of their level", w.usersRunCommands) &&
		t.Run("quotas are made and hold", w.quotasHold) &&
		t.Run("bad tenants are refused at the door", w.badTenantsAreRefused) &&
		t.Run("tenants behave as Kubernetes does", w.tenantsBehaveAsKubernetesDoes) &&
		t.Run("change at the root reaches the leaves", w.changeReachesLeaves) &&
		t.Run("hosts and quotas are judged at the door", w.limitsHoldAtTheDoor) &&
		t.Run("nobody gets more than a level has", w.escalationsAreRefused) &&
		t.Run("of fifty that want one host one is accepted", w.oneOfFiftyGetsTheHost) &&
		t.Run("of fifty that want what is left one is accepted", w.oneOfFiftyGetsTheQuota) &&
		t.Run("network policies isolate tenants", w.networkIsIsolated) &&
		t.Run("services follow the flags of tenants", w.servicesFollowFlags) &&
		t.Run("specs of services are their users'", w.specsAreTheirUsers) &&
		t.Run("flags go in every order", w.flagsGoInEveryOrder) &&
		t.Run("volumes stay until their loss is accepted", w.volumesStay) &&
		t.Run("foreign namespace is left alone", w.foreignNamespaceIsLeftAlone) &&
		t.Run("labels that policies trust are kept", w.labelsAreKept) &&
		t.Run("namespace that was deleted comes back", w.namespaceComesBack) &&
		t.Run("restart writes nothing", w.restartWritesNothing) &&
		t.Run("kinds of services go", w.kindsGo) &&
		t.Run("tenant with children goes with consent only", w.deletionNeedsConsent) &&
		t.Run("tree of fifty goes from the leaves up", w.treeOfFiftyGoes) &&
		t.Run("root can not be deleted", w.rootStays) &&
		t.Run("the controller has no right that it does not use", w.rightsAreUsed)
	require.True(t, ok, "the parts after the failed one were not run")

	w.stopController(t)
}

func (w *world) waitsForItsCRD(t *testing.T) {
	w.startController(t)
	// Its rights come with its chart. Until then it can't tell which charts of others there are, and gives no index.
	version, err := manifests.ChartVersion("cozy-controller")
	require.NoError(t, err)
	w.await(t, func() bool { return w.chartsStatus(t, "/charts/cozy-controller-"+version+".tgz") == http.StatusOK },
		func() string { return "no charts at " + w.charts })
	require.Equal(t, http.StatusServiceUnavailable, w.chartsStatus(t, "/charts/index.yaml"))
	require.Equal(t, http.StatusOK, w.chartsStatus(t, "/healthz"))
	require.Equal(t, http.StatusServiceUnavailable, w.chartsStatus(t, "/readyz"), "it may not even look at the lease")
	w.install(t, "cozy-controller")
	w.await(t, func() bool { return w.chartsStatus(t, "/charts/index.yaml") == http.StatusOK },
		func() string { return "no index at " + w.charts })
	w.awaitControllerReady(t, w.charts)
	w.install(t, "tenant-api")
	w.install(t, "tenant-roles")
	w.install(t, "tenant-admission")
}

func (w *world) awaitControllerReady(t *testing.T, charts string) {
	t.Helper()
	w.await(t, func() bool { return statusAt(t, charts, "/readyz") == http.StatusOK }, func() string { return "the controller is not ready at " + charts })
}

// Its definitions wait for kinds of others, which never come.
func (w *world) applicationsAreOffered(t *testing.T) {
	w.await(t, func() bool {
		definitions := &unstructured.UnstructuredList{}
		definitions.SetAPIVersion("cozystack.io/v1alpha1")
		definitions.SetKind("ApplicationDefinitionList")

		return w.client.List(t.Context(), definitions) == nil
	}, func() string { return "definitions of applications are not served" })
	w.install(t, "tenant-applications")
}

func (w *world) rootIsAdopted(t *testing.T) {
	t.Helper()

	w.createNamespace(t, "tenant-root")
	w.await(t, func() bool {
		root := &v1alpha1.Tenant{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "root"},
			Spec:       v1alpha1.TenantSpec{Host: "example.org"},
		}

		return w.client.Create(t.Context(), root) == nil
	}, func() string { return "tenants are not served" })
	w.awaitReady(t, "tenant-root", "root")
	require.Equal(t, "tenant-root", w.get(t, "tenant-root", "root").Status.Namespace)
}

func (w *world) childrenAreResolved(t *testing.T) {
	w.create(t, "tenant-root", "alpha", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "alpha")
	w.create(t, "tenant-alpha", "beta", v1alpha1.TenantSpec{Monitoring: true})
	w.awaitReason(t, "tenant-alpha", "beta", "Ready", "KindNotPublished")
	w.create(t, "tenant-alpha-beta", "gamma", v1alpha1.TenantSpec{Host: "gamma.example.com"})
	w.awaitReady(t, "tenant-alpha-beta", "gamma")

	gamma := w.get(t, "tenant-alpha-beta", "gamma").Status
	require.Equal(t, []any{"tenant-alpha-beta-gamma", "gamma.example.com", "tenant-alpha-beta", int32(3)},
		[]any{gamma.Namespace, gamma.Host, gamma.Parent, *gamma.Level})
	require.Equal(t, v1alpha1.TenantService{Source: "inherited", Namespace: "tenant-alpha-beta"}, gamma.Services.Monitoring)
	require.Equal(t, "beta.alpha.example.org", w.get(t, "tenant-alpha", "beta").Status.Host)
	require.Equal(t, "tenant-alpha-beta", w.labels(t, "tenant-alpha-beta-gamma")["namespace.cozystack.io/monitoring"])
}

func (w *world) kubectlPrints(t *testing.T) {
	out, err := w.kubectl(t, "get", "tenants", "--namespace", "tenant-alpha")
	require.NoError(t, err, out)
	require.Regexp(t, `^NAME +NAMESPACE +HOST +READY +AGE\nbeta +tenant-alpha-beta +beta.alpha.example.org +False +\S+\n$`, out)

	out, err = w.kubectl(t, "get", "tenants", "--namespace", "tenant-alpha-beta", "--output", "wide")
	require.NoError(t, err, out)
	require.Regexp(t, `ETCD +MONITORING +INGRESS +SEAWEEDFS +AGE\n.* tenant-alpha-beta `, out)

	out, err = w.kubectl(t, "explain", "tenants.spec.host")
	require.NoError(t, err, out)
	require.Contains(t, out, "Domain of the tenant")
}

func (w *world) badTenantsAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ namespace, name, spec, says string }{
		"a dash":               {"tenant-root", "foo-bar", `{}`, `"foo-bar"`},
		"a reserved name":      {"tenant-root", "super", `{}`, `metadata.name: "super": this name is reserved`},
		"a cluster service":    {"tenant-root", "etcd", `{}`, `metadata.name: "etcd": this name is reserved`},
		"a long name":          {"tenant-alpha-beta-gamma", strings.Repeat("a", 40), `{}`, "64 characters"},
		"nobody's namespace":   {"default", "foo", `{}`, `metadata.namespace: "default": no tenant has this namespace`},
		"a host with capitals": {"tenant-root", "foo", `{"host": "Foo.org"}`, "a host is a DNS name"},
		"a long label":         {"tenant-root", "foo", `{"host": "` + strings.Repeat("a", 64) + `.org"}`, "a host is a DNS name"},
		"an address":           {"tenant-root", "foo", `{"host": "10.0.0.1"}`, `"10.0.0.1": a host is a DNS name, not an address`},
		"a word for a flag":    {"tenant-root", "foo", `{"etcd": "yes"}`, "spec.etcd"},
		"a quantity of apples": {"tenant-root", "foo", `{"resourceQuotas": {"cpu": "apples"}}`, "spec.resourceQuotas.cpu"},
		"apples":               {"tenant-root", "foo", `{"resourceQuotas": {"apples": "1"}}`, `spec.resourceQuotas.apples: "1": apples is nothing that can be bounded; choose cpu`},
		"less than nothing":    {"tenant-root", "foo", `{"resourceQuotas": {"cpu": -1}}`, `spec.resourceQuotas.cpu: "-1": a bound is never negative`},
		"half a pod":           {"tenant-root", "foo", `{"resourceQuotas": {"pods": "500m"}}`, `spec.resourceQuotas.pods: "500m": what is counted`},
		// The schema takes it, and no client could read the list of tenants any more.
		"a broken exponent": {"tenant-root", "foo", `{"resourceQuotas": {"cpu": "1e1.5"}}`, `spec.resourceQuotas.cpu: "1e1.5": this is no amount`},
		"an unknown field":  {"tenant-root", "foo", `{"isolated": true}`, `unknown field "spec.isolated"`},
	} {
		out, err := w.apply(t, fmt.Sprintf(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant",
			"metadata": {"namespace": %q, "name": %q}, "spec": %s}`, tc.namespace, tc.name, tc.spec))
		require.Error(t, err, name)
		require.Contains(t, out, tc.says, name)
	}
}

func (w *world) changeReachesLeaves(t *testing.T) {
	w.change(t, "tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Host, spec.Etcd = "example.net", true })
	w.await(t, func() bool {
		return w.get(t, "tenant-alpha", "beta").Status.Host == "beta.alpha.example.net" &&
			w.get(t, "tenant-alpha-beta", "gamma").Status.Services.Etcd.Namespace == "tenant-root" &&
			w.labels(t, "tenant-alpha-beta-gamma")["namespace.cozystack.io/etcd"] == "tenant-root"
	}, func() string { return "the leaves did not change" })
	require.Equal(t, "gamma.example.com", w.get(t, "tenant-alpha-beta", "gamma").Status.Host)
	// Tenants are brought up side by side, and the root may come last.
	w.await(t, func() bool {
		dependents := w.get(t, "tenant-root", "root").Status.Services.Etcd.Dependents

		return dependents != nil && dependents.Count == 3
	}, func() string { return "the root does not count who inherits its etcd" })

	w.annotate(t, "tenant-root", "root", map[string]string{"cozystack.io/force-disable": "etcd"})
	w.change(t, "tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Host, spec.Etcd = "example.org", false })
	w.awaitReady(t, "tenant-root", "root")
	w.await(t, func() bool {
		_, isThere := w.labels(t, "tenant-alpha-beta-gamma")["namespace.cozystack.io/etcd"]

		return !isThere
	}, func() string { return "the label of a service that is gone stays" })
}

func (w *world) foreignNamespaceIsLeftAlone(t *testing.T) {
	w.createNamespace(t, "tenant-foreign")
	w.create(t, "tenant-root", "foreign", v1alpha1.TenantSpec{})
	w.awaitReason(t, "tenant-root", "foreign", "NamespaceReady", "NamespaceForeign")
	require.Equal(t, map[string]string{"kubernetes.io/metadata.name": "tenant-foreign"}, w.labels(t, "tenant-foreign"))

	// The tenant goes on as soon as the name is free.
	require.NoError(t, w.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-foreign"}}))
	w.awaitReady(t, "tenant-root", "foreign")
}

func (w *world) labelsAreKept(t *testing.T) {
	out, err := w.kubectl(t, "label", "namespace", "tenant-foreign", "tenant.cozystack.io/tenant-alpha=", "team=x")
	require.NoError(t, err, out)
	out, err = w.kubectl(t, "label", "namespace", "tenant-foreign", "tenant.cozystack.io/tenant-root-")
	require.NoError(t, err, out)

	w.await(t, func() bool {
		labels := w.labels(t, "tenant-foreign")
		_, isForged := labels["tenant.cozystack.io/tenant-alpha"]
		_, isKept := labels["tenant.cozystack.io/tenant-root"]

		return !isForged && isKept && labels["team"] == "x"
	}, func() string { return fmt.Sprint("labels: ", w.labels(t, "tenant-foreign")) })
}

func (w *world) namespaceComesBack(t *testing.T) {
	var before corev1.Namespace
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: "tenant-foreign"}, &before))
	require.NoError(t, w.client.Delete(t.Context(), before.DeepCopy()))
	w.await(t, func() bool {
		var after corev1.Namespace

		return w.client.Get(t.Context(), client.ObjectKey{Name: "tenant-foreign"}, &after) == nil && after.UID != before.UID
	}, func() string { return "the namespace is not made again" })
	w.awaitReady(t, "tenant-root", "foreign")
}
