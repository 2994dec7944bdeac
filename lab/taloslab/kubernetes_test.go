// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/taloslab"
)

// bridgeCNI gives pods addresses on each node alone, by the plugins of Debian's package.
const bridgeCNI = `{"cniVersion": "0.4.0", "name": "lab", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24"}]]}}]}
`

// kubernetesOf is a client with the kubeconfig that `up` left in the work directory.
func kubernetesOf(t *testing.T, made testSite) kubernetes.Interface {
	t.Helper()
	kubeconfig, err := os.ReadFile(filepath.Join(made.workDir, workdir.KubeconfigFile))
	require.NoError(t, err)
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return client
}

// registered gives Kubernetes's view of the nodes, and fails when it knows others or not all of them.
func registered(t *testing.T, client kubernetes.Interface, nodes []*taloslab.Node) []corev1.Node {
	t.Helper()
	list, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var want, got []string
	for _, node := range nodes {
		want = append(want, node.Name)
	}
	for _, node := range list.Items {
		got = append(got, node.Name)
	}
	require.ElementsMatch(t, want, got)
	return list.Items
}

func isReady(node corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// runPods has a container run on each node: a pod without a Service, of an image that the lab serves.
func runPods(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, node := range nodes.Items {
		_, err := client.CoreV1().Pods(metav1.NamespaceSystem).Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "on-" + node.Name},
			Spec: corev1.PodSpec{
				NodeName: node.Name, AutomountServiceAccountToken: new(false),
				Containers: []corev1.Container{{Name: "pause", Image: "registry.k8s.io/pause:3.10"}},
			},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	until(t, 2*time.Minute, "a container to run on each node", func(ctx context.Context) error {
		pods, err := client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if pod.Status.Phase != corev1.PodRunning {
				return fmt.Errorf("%s is %s: %+v", pod.Name, pod.Status.Phase, pod.Status.ContainerStatuses)
			}
		}
		return nil
	})
}
