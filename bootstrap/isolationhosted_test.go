// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
)

const hostedTenants = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: hosted}
domain: example.org
bundle: paas-hosted
exposure: {externalIPs: [198.51.100.7]}
registries: {bastion: {address: "203.0.113.9:5000"}}
network: {management: [203.0.113.128/25]}
`

// kindCluster is what kind's cluster tells, with its own network or without.
func kindCluster(isEnforcing bool) *kube.Client {
	port := int32(6443)
	objects := []runtime.Object{
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "kind-control-plane"}, Status: corev1.NodeStatus{
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "172.18.0.2"}},
		}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kubeadm-config"}, Data: map[string]string{
			"ClusterConfiguration": "networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}",
		}},
		&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"172.18.0.2"}}}, Ports: []discoveryv1.EndpointPort{{Port: &port}},
		},
	}
	if isEnforcing {
		set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kindnet"}}
		set.Status.NumberReady = 1
		set.Spec.Template.Spec.Containers = []corev1.Container{{Image: "docker.io/kindest/kindnetd:v20250512-df8de77b"}}
		objects = append(objects, set)
	}
	return &kube.Client{Typed: fake.NewClientset(objects...), Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(
		runtime.NewScheme(), map[schema.GroupVersionResource]string{
			{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}: "CustomResourceDefinitionList",
		})}
}

func hostedBringup(t *testing.T, text string, accepted ...string) *bringup {
	t.Helper()
	s, err := site.Parse("site.yaml", []byte(text))
	require.NoError(t, err)
	plan, err := ResolveBundle(s, "")
	require.NoError(t, err)
	return &bringup{site: s, plan: plan, opts: Options{Site: s, Accept: accepted}}
}

func TestAnExistingClusterIsAskedWhatTenantsAreIsolatedFrom(t *testing.T) {
	b := hostedBringup(t, hostedTenants)
	require.NoError(t, b.requireIsolation(t.Context(), kindCluster(true)))
	want := map[string]any{
		"enforces": "kubernetes", "apiPort": 6443, "clusterDomain": "cluster.local", "nodes": []any{"172.18.0.2/32"},
		"pods": []any{"10.244.0.0/16"}, "services": []any{"10.96.0.0/16"}, "api": []any{"172.18.0.2"}, "loadBalancers": []any{"198.51.100.7/32"},
		"bastions": []any{"203.0.113.9/32"}, "management": []any{"203.0.113.128/25"},
	}
	require.Equal(t, want, controllerValues(t, b.plan)[isolationValue])
	require.NoError(t, b.requireIsolation(t.Context(), kindCluster(true)), "it is asked for again by later phases")
	require.Equal(t, want, controllerValues(t, b.plan)[isolationValue])
	require.Equal(t, []string{"isolate tenants by the cluster's network policies, from the nodes that it has now: run up again when others " +
		"joined"}, b.isolationSteps(t.Context(), kindCluster(true)))
}

func TestWithoutIsolationNothingIsInstalledUnlessThatIsAccepted(t *testing.T) {
	b := hostedBringup(t, hostedTenants)
	err := b.requireIsolation(t.Context(), kindCluster(false))
	none := (*NoIsolationError)(nil)
	require.ErrorAs(t, err, &none)
	require.ErrorContains(t, err, "nothing that is known to enforce network policies")
	require.Contains(t, none.Hint(), "--accept-risk no-isolation")
	require.Contains(t, b.isolationSteps(t.Context(), kindCluster(false))[0], "stop, for tenants would not be isolated")

	b = hostedBringup(t, hostedTenants, RiskNoIsolation)
	require.NoError(t, b.requireIsolation(t.Context(), kindCluster(false)))
	told, _ := controllerValues(t, b.plan)[isolationValue].(map[string]any)
	require.Equal(t, "none", told["enforces"], "so that tenants say it")
}

func TestWhoKnowsNodesAsSuchNeedsNoSecondRun(t *testing.T) {
	b := hostedBringup(t, hostedTenants+"packages: {values: {cozy-controller: {site: {enforces: cilium}}}}\n")
	require.Equal(t, []string{"isolate tenants by the cluster's network policies"}, b.isolationSteps(t.Context(), kindCluster(false)))
}

func TestWhatTheSiteFileSaysOfIsolationWins(t *testing.T) {
	b := hostedBringup(t, hostedTenants+"packages: {values: {cozy-controller: {site: {enforces: kubernetes}}}}\n")
	require.NoError(t, b.requireIsolation(t.Context(), kindCluster(false)))
	told, _ := controllerValues(t, b.plan)[isolationValue].(map[string]any)
	require.Equal(t, "kubernetes", told["enforces"])
	require.Equal(t, []any{"10.244.0.0/16"}, told["pods"])
}

func TestAClusterThatDoesNotTellItsNetworksIsolatesNobody(t *testing.T) {
	b := hostedBringup(t, hostedTenants)
	client := kindCluster(true)
	require.NoError(t, client.Typed.CoreV1().ConfigMaps("kube-system").Delete(t.Context(), "kubeadm-config", metav1.DeleteOptions{}))
	err := b.requireIsolation(t.Context(), client)
	require.ErrorContains(t, err, "pods: empty")
	require.ErrorContains(t, err, "services: empty")
	require.Nil(t, controllerValues(t, b.plan)[isolationValue])

	b = hostedBringup(t, strings.NewReplacer(
		"paas-hosted\nexposure: {externalIPs: [198.51.100.7]}", "distro-hosted", "network: {management: [203.0.113.128/25]}\n", "",
	).Replace(hostedTenants))
	require.NoError(t, b.requireIsolation(t.Context(), client), "there are no tenants")
}

func TestAClusterThatWasMovedAwayFromItsNetworkIsNotIsolated(t *testing.T) {
	client := kindCluster(true)
	set, err := client.Typed.AppsV1().DaemonSets("kube-system").Get(t.Context(), "kindnet", metav1.GetOptions{})
	require.NoError(t, err)
	set.Status.NumberReady = 0
	_, err = client.Typed.AppsV1().DaemonSets("kube-system").UpdateStatus(t.Context(), set, metav1.UpdateOptions{})
	require.NoError(t, err)

	err = hostedBringup(t, hostedTenants).requireIsolation(t.Context(), client)
	require.ErrorContains(t, err, "nothing that is known to enforce network policies")
	require.ErrorContains(t, err, "; no pod of DaemonSet kube-system/kindnet is ready")
}
