// SPDX-License-Identifier: Apache-2.0

package kubesim

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applyv1 "k8s.io/client-go/applyconfigurations/core/v1"
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

	s.GiveNetwork()
	require.NoError(t, s.RegisterNode(t.Context(), talosim.KubernetesNode{Name: "cp1", InternalIP: netip.MustParseAddr("192.0.2.11")}))
	cordon := []byte(`{"spec":{"unschedulable":true}}`)
	node, err := client.CoreV1().Nodes().Patch(t.Context(), "cp1", types.StrategicMergePatchType, cordon, metav1.PatchOptions{})
	require.NoError(t, err)
	require.True(t, node.Spec.Unschedulable)
	require.Equal(t, "KubeletReady", node.Status.Conditions[0].Reason)

	resources, err := client.Discovery().ServerPreferredResources()
	require.NoError(t, err)
	require.Len(t, resources, 1)

	applied, err := client.CoreV1().ConfigMaps("kube-system").Apply(t.Context(), applyv1.ConfigMap("settings", "kube-system"), metav1.ApplyOptions{FieldManager: "test"})
	require.NoError(t, err)
	require.Equal(t, "settings", applied.Name)
	require.Equal(t, []string{"kube-system/settings"}, s.Applied())

	require.NoError(t, client.CoreV1().Nodes().Delete(t.Context(), "cp1", metav1.DeleteOptions{}))
	require.True(t, apierrors.IsNotFound(client.CoreV1().Nodes().Delete(t.Context(), "cp1", metav1.DeleteOptions{})))
	_, err = client.CoreV1().Nodes().Get(t.Context(), "cp1", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))

	pods, err := client.CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, pods.Items)
	sets, err := client.AppsV1().DaemonSets("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, sets.Items)
	require.Error(t, client.CoreV1().Pods("x").Delete(t.Context(), "y", metav1.DeleteOptions{}))
}
