// SPDX-License-Identifier: Apache-2.0

package kubesim

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

func TestAClientOfKubernetesSeesTheNodesAndNothingElse(t *testing.T) {
	s, err := Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })

	text, err := s.Kubeconfig("https://192.0.2.1:6443")
	require.NoError(t, err)
	config, err := clientcmd.RESTConfigFromKubeConfig(text)
	require.NoError(t, err)

	config.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)

	ready, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(t.Context()).Raw()
	require.NoError(t, err)
	require.Equal(t, "ok", string(ready))

	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, nodes.Items)

	require.NoError(t, s.RegisterNode(t.Context(), talosim.KubernetesNode{Name: "cp1", InternalIP: netip.MustParseAddr("192.0.2.11")}))
	require.NoError(t, s.SetDown(t.Context(), "cp1"))
	nodes, err = client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, nodes.Items, 1)
	require.Equal(t, "192.0.2.11", nodes.Items[0].Status.Addresses[0].Address)
	require.Equal(t, "NodeStatusUnknown", nodes.Items[0].Status.Conditions[0].Reason)

	pods, err := client.CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, pods.Items)
	sets, err := client.AppsV1().DaemonSets("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, sets.Items)
	require.Error(t, client.CoreV1().Pods("x").Delete(t.Context(), "y", metav1.DeleteOptions{}))
}
