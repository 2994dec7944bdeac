// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
