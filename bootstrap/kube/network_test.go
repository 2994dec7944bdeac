// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
)

func TestAClusterTellsItsAddresses(t *testing.T) {
	port := int32(6443)
	one := node("a", ready)
	one.Spec.PodCIDRs = []string{"10.244.0.0/24"}
	one.Status.Addresses = append(one.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: "a"})
	c := &Client{Typed: fake.NewClientset(one,
		&networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.96.0.0/16"}}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kubeadm-config"}, Data: map[string]string{
			"ClusterConfiguration": "networking: {podSubnet: 10.244.0.0/16, serviceSubnet: \"10.96.0.0/16,fd00::/108\"}",
		}},
		&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"172.18.0.2"}}}, Ports: []discoveryv1.EndpointPort{{Port: &port}},
		})}
	got, err := c.Network(t.Context())
	require.NoError(t, err)
	require.Equal(t, Network{
		Nodes:    []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		Pods:     []netip.Prefix{netip.MustParsePrefix("10.244.0.0/24"), netip.MustParsePrefix("10.244.0.0/16")},
		Services: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16"), netip.MustParsePrefix("fd00::/108")},
		API:      []netip.Addr{netip.MustParseAddr("172.18.0.2")}, APIPort: 6443,
	}, got)
	got, err = (&Client{Typed: fake.NewClientset()}).Network(t.Context())
	require.NoError(t, err)
	require.Equal(t, Network{}, got, "what it does not tell is not guessed")
}

func established(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": name},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
	}}
}

func TestWhatEnforcesPoliciesIsSeen(t *testing.T) {
	kindnet := func(image string) *appsv1.DaemonSet {
		set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kindnet"}}
		set.Spec.Template.Spec.Containers = []corev1.Container{{Image: image}}
		return set
	}
	const own, clusterwide = "ciliumnetworkpolicies.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io"
	for name, tt := range map[string]struct {
		crds    []string
		kindnet string
		want    Enforcement
	}{
		"nothing":            {want: Enforcement{}},
		"Cilium":             {crds: []string{own, clusterwide}, want: Enforcement{Cilium: true}},
		"a part of Cilium":   {crds: []string{own}, want: Enforcement{}},
		"Calico":             {crds: []string{"felixconfigurations.crd.projectcalico.org"}, want: Enforcement{Kubernetes: "Calico"}},
		"Cilium beside it":   {crds: []string{own, clusterwide, "felixconfigurations.crd.projectcalico.org"}, want: Enforcement{Cilium: true}},
		"kind":               {kindnet: "docker.io/kindest/kindnetd:v20250512-df8de77b", want: Enforcement{Kubernetes: "kindnet"}},
		"kind before v0.24":  {kindnet: "docker.io/kindest/kindnetd:v20240202-8f1494ea", want: Enforcement{}},
		"kindnet of its own": {kindnet: "example.org/kindnet:main", want: Enforcement{}},
	} {
		t.Run(name, func(t *testing.T) {
			var found []runtime.Object
			for _, crd := range tt.crds {
				found = append(found, established(crd))
			}
			typed := fake.NewClientset()
			if tt.kindnet != "" {
				typed = fake.NewClientset(kindnet(tt.kindnet))
			}
			c := &Client{Typed: typed, Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
				map[schema.GroupVersionResource]string{crds: "CustomResourceDefinitionList"}, found...)}
			got, err := c.Enforcement(t.Context())
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}
