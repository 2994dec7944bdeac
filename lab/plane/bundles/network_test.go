// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hasANetwork makes the plane an existing cluster: a simulated network plugin of somebody else runs on every node.
func (w *world) hasANetwork(t *testing.T) {
	t.Helper()
	labels := map[string]string{"app.kubernetes.io/component": "cni"}
	_, err := w.kube.AppsV1().DaemonSets("kube-system").Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "simulated-network"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				HostNetwork: true,
				Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
				Containers:  []corev1.Container{{Name: "simulated", Image: "none"}},
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}
