// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// family is foo in root, bar and qux in foo. Root runs etcd and ingress.
func family() []v1alpha1.Tenant {
	tenants := []v1alpha1.Tenant{
		one("tenant-root", "root", "tenant-root"), one("tenant-root", "foo", "tenant-foo"),
		one("tenant-foo", "bar", "tenant-foo-bar"), one("tenant-foo", "qux", "tenant-foo-qux"),
	}

	for i := range tenants {
		from := v1alpha1.TenantService{Source: "inherited", Namespace: "tenant-root"}
		if i == 0 {
			from.Source = "own"
		}

		tenants[i].Status.Services = &v1alpha1.TenantServices{Etcd: from, Ingress: from}
	}

	return tenants
}

func aPod(namespace, name string, edit ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{NodeName: "w1"}, Status: corev1.PodStatus{HostIP: "192.0.2.21"},
	}
	for _, one := range edit {
		one(pod)
	}

	return pod
}

func labelled(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Labels[key] = value }
}

func listening(ports ...int32) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		container := corev1.Container{}
		for _, port := range ports {
			container.Ports = append(container.Ports, corev1.ContainerPort{ContainerPort: port})
		}

		pod.Spec.Containers = append(pod.Spec.Containers, container)
	}
}

func onNode(node, address string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.HostNetwork, pod.Spec.NodeName, pod.Status.HostIP = true, node, address
	}
}

// cluster has pods of every kind, and the API server on cp1.
func cluster(more ...runtime.Object) *fake.Clientset {
	return fake.NewClientset(append(more,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "cozy-x", Labels: map[string]string{policy.LabelSystem: "true"}}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-foo-bar", Labels: map[string]string{
			"etcd.cozystack.io/tenant-foo-bar": "", "etcd.cozystack.io/tenant-foo": "",
		}}},
		aPod("tenant-foo-bar", "plane", labelled(policy.LabelAllowToEtcd, "true")),
		aPod("tenant-foo", "etcd", labelled(policy.LabelService, policy.PartEtcd)),
		&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.11"}}},
		},
		aPod("tenant-root", "nginx", labelled(policy.LabelService, policy.PartIngress), listening(80, 443)),
		aPod("tenant-foo", "web"), aPod("tenant-foo-bar", "web"), aPod("tenant-foo-qux", "web"),
		aPod("tenant-foo", "tool", labelled(policy.LabelAllowToAPIServer, "true")),
		aPod("cozy-x", "agent"), aPod("default", "stray"),
		aPod("kube-system", "apiserver", onNode("cp1", "192.0.2.11")), aPod("kube-system", "proxy", onNode("w1", "192.0.2.21")),
		aPod("kube-system", "proxy2", onNode("w2", "192.0.2.22")),
	)...)
}

func siteMap(t *testing.T, enforces policy.Enforcer) *corev1.ConfigMap {
	t.Helper()

	range4 := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	text, err := json.Marshal(policy.Site{
		Enforces: enforces, Nodes: range4("192.0.2.0/24"), Pods: range4("10.244.0.0/16"), Services: range4("10.96.0.0/16"),
		API: []netip.Addr{netip.MustParseAddr("192.0.2.10")}, APIPort: 6443, ClusterDomain: "cluster.local",
	})
	require.NoError(t, err)

	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: admin.SiteNamespace, Name: admin.SiteConfigMap}, Data: map[string]string{admin.SiteKey: string(text)},
	}
}

func explain(t *testing.T, client *fake.Clientset, from, to string, port uint16) admin.Explanation {
	t.Helper()

	var asked *admin.Port
	if port != 0 {
		asked = &admin.Port{Protocol: corev1.ProtocolTCP, Number: port}
	}

	source, err := admin.ParsePod(from)
	require.NoError(t, err)
	destination, err := admin.ParsePod(to)
	require.NoError(t, err)

	explained, err := admin.Explain(t.Context(), client, dynamicWith(), admin.Seen{Tenants: family()}, source, destination, asked)
	require.NoError(t, err, "%s to %s", from, to)

	return explained
}

func TestAnExplanationNamesTheRowAndWhatOpensBothSides(t *testing.T) {
	client := cluster(siteMap(t, policy.EnforcesCilium))

	for _, tc := range []struct {
		from, to       string
		port           uint16
		row            int
		isAllowed      bool
		why            string
		leaves, enters bool
	}{
		{"tenant-foo/web", "tenant-foo-bar/web", 80, 7, true, "tenant-foo is an ancestor", true, true},
		{"tenant-foo-bar/web", "tenant-foo/web", 80, 9, false, "no ancestor", false, false},
		{"tenant-foo-bar/web", "tenant-foo-qux/web", 80, 9, false, "no ancestor", false, false},
		{"tenant-foo-bar/web", "tenant-root/nginx", 443, 8, true, "resolves to the ingress", true, true},
		{"tenant-foo-bar/web", "tenant-root/nginx", 9000, 9, false, "no port of a service", false, false},
		{"cozy-x/agent", "tenant-foo/web", 80, 2, true, "system namespaces", true, true},
		{"default/stray", "tenant-foo/web", 80, 16, false, "neither a tenant's", true, false},
		{"tenant-foo/web", "cozy-x/agent", 80, 13, false, "closed to pods of tenants", false, true},
		{"tenant-foo/tool", "kube-system/apiserver", 6443, 11, true, "opens the API server", true, true},
		{"tenant-foo/web", "kube-system/apiserver", 6443, 11, false, "without the label", false, true},
		{"kube-system/proxy", "tenant-foo/web", 80, 2, true, "probe", true, true},
		{"kube-system/proxy2", "tenant-foo/web", 80, 17, false, "nothing allows it", true, false},
		{"default/stray", "cozy-x/agent", 80, 0, true, "neither end", true, true},
	} {
		explained := explain(t, client, tc.from, tc.to, tc.port)
		require.Len(t, explained.Flows, 1)

		got := explained.Flows[0]
		require.Equal(t, []any{tc.row, tc.isAllowed, tc.leaves, tc.enters}, []any{got.Row, *got.Allowed, *got.Leaves.Open, *got.Enters.Open},
			"%s to %s: %+v", tc.from, tc.to, got)
		require.Contains(t, got.Why, tc.why)
		require.Empty(t, explained.Notes)
	}
}

// Bar got an etcd of its own, and its applications stay on foo's.
// Applications stay also where the tenant does not run etcd any more: no status tells that it is still there.
func TestTheEtcdThatApplicationsStayOnIsOpen(t *testing.T) {
	for _, ofFoo := range []v1alpha1.TenantService{{Source: "own", Namespace: "tenant-foo"}, {Source: "inherited", Namespace: "tenant-root"}} {
		tenants := family()
		tenants[1].Status.Services.Etcd = ofFoo
		tenants[2].Status.Services.Etcd = v1alpha1.TenantService{Source: "own", Namespace: "tenant-foo-bar"}

		explained, err := admin.Explain(t.Context(), cluster(siteMap(t, policy.EnforcesCilium)), dynamicWith(), admin.Seen{Tenants: tenants},
			types.NamespacedName{Namespace: "tenant-foo-bar", Name: "plane"}, types.NamespacedName{Namespace: "tenant-foo", Name: "etcd"},
			&admin.Port{Protocol: corev1.ProtocolTCP, Number: 2379})
		require.NoError(t, err)

		got := explained.Flows[0]
		require.Equal(t, []any{4, true, true, true}, []any{got.Row, *got.Allowed, *got.Leaves.Open, *got.Enters.Open}, "%+v", got)
		require.Contains(t, got.Why, "on which applications of tenant-foo-bar stay")
	}
}

func TestWithoutAPortThoseOfThePodAndAnyOtherAreJudged(t *testing.T) {
	explained := explain(t, cluster(siteMap(t, policy.EnforcesCilium)), "tenant-foo-bar/web", "tenant-root/nginx", 0)

	var said []string
	for _, flow := range explained.Flows {
		said = append(said, flow.Port)
	}

	require.Equal(t, []string{"80/TCP", "443/TCP", "any other"}, said)
	require.True(t, *explained.Flows[1].Allowed)
	require.Contains(t, explained.Flows[1].Leaves.Rules[0], "row")
	require.False(t, *explained.Flows[2].Allowed)
	require.Equal(t, map[string]string{policy.LabelService: policy.PartIngress}, explained.To.Labels, "and no label that nobody reads")
}

func TestWhatIsUnknownOrNotEnforcedIsSaid(t *testing.T) {
	explained := explain(t, cluster(), "tenant-foo/tool", "kube-system/apiserver", 6443)
	require.Nil(t, explained.Flows[0].Allowed, "the port of the API server is the site's")
	require.Nil(t, explained.Flows[0].Leaves.Open)
	require.Contains(t, explained.Notes[0], "there is no ConfigMap cozy-controller-site in cozy-system")
	require.Contains(t, explained.Notes[0], "rows 11, 12 and 14")

	explained = explain(t, cluster(), "tenant-foo/web", "tenant-foo-bar/web", 80)
	require.True(t, *explained.Flows[0].Allowed, "the site has no part in this one")

	explained = explain(t, cluster(siteMap(t, policy.EnforcesNothing)), "tenant-foo-bar/web", "tenant-foo/web", 80)
	require.Contains(t, explained.Notes[0], "everything passes")

	explained = explain(t, cluster(siteMap(t, policy.EnforcesKubernetes)), "tenant-foo/web", "kube-system/proxy", 80)
	require.Contains(t, explained.Notes[0], "row 12 is not fully enforced here")

	broken := siteMap(t, policy.EnforcesCilium)
	broken.Data[admin.SiteKey] = "{}"
	explained = explain(t, cluster(broken), "tenant-foo/web", "tenant-foo-bar/web", 80)
	require.Contains(t, explained.Notes[0], "apiPort")

	tenants := family()
	tenants[1].Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionPoliciesReady, Status: metav1.ConditionFalse, Reason: "SiteUnknown", Message: "nothing isolates it",
	}}
	key := types.NamespacedName{Namespace: "tenant-foo", Name: "web"}
	explained, err := admin.Explain(t.Context(), cluster(siteMap(t, policy.EnforcesCilium)), dynamicWith(), admin.Seen{Tenants: tenants}, key, key, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"tenant tenant-foo is not PoliciesReady (SiteUnknown): nothing isolates it"}, explained.Notes)
}

func TestAPodThatIsNoneIsRefused(t *testing.T) {
	for _, word := range []string{"", "web", "/web", "a/", "a/b/c"} {
		_, err := admin.ParsePod(word)
		require.ErrorContains(t, err, "not a pod as namespace/pod", word)
	}

	_, err := admin.Explain(t.Context(), cluster(), dynamicWith(), admin.Seen{Tenants: family()}, types.NamespacedName{Namespace: "tenant-foo", Name: "web"},
		types.NamespacedName{Namespace: "tenant-foo", Name: "gone"}, nil)
	require.ErrorContains(t, err, "get pod tenant-foo/gone")
}
