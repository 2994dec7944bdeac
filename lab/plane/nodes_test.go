// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

func (p onPlane) nodesWaitForCNI(t *testing.T) {
	specs := []NodeSpec{node("node-1", ControlPlane, "10.77.0.11"), node("node-2", Worker, "10.77.0.12"), node("node-3", Worker, "10.77.0.13")}
	for _, spec := range specs {
		require.NoError(t, p.RegisterNode(t.Context(), spec))
		require.NoError(t, p.RegisterNode(t.Context(), spec), "as after a reboot")
	}
	createDeployment(t, p, "ordinary", corev1.PodSpec{})
	createDeployment(t, p, "tolerant", corev1.PodSpec{Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}})
	eventually(t, "the tolerant pod to be scheduled", 20*time.Second, func(ctx context.Context) error {
		pods, err := podsOf(ctx, p, "tolerant")
		if err == nil && pods[0].Spec.NodeName == "" {
			err = errors.New("it is not")
		}
		return err
	})
	// The negative can only be seen by looking for a while; a node with KWOK's own stages is Ready within 0.5 s.
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		require.Zero(t, readyNodes(t.Context(), t, p))
		for _, name := range []string{"ordinary", "tolerant"} {
			pods, err := podsOf(t.Context(), p, name)
			require.NoError(t, err)
			require.Equal(t, corev1.PodPending, pods[0].Status.Phase, name)
		}
	}
	createCNI(t, p)
	started := time.Now()
	eventually(t, "the nodes to be Ready", 30*time.Second, func(ctx context.Context) error {
		if ready := readyNodes(ctx, t, p); ready != len(specs) {
			return fmt.Errorf("%d of %d are", ready, len(specs))
		}
		return nil
	})
	t.Logf("nodes Ready %v after the CNI was applied", time.Since(started))
	for _, name := range []string{"ordinary", "tolerant"} {
		deploymentIsAvailable(t, p, name)
	}
	got, err := p.client.CoreV1().Nodes().Get(t.Context(), "node-1", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "Talos (v1.13.9)", got.Status.NodeInfo.OSImage)
	require.Equal(t, "v1.34.4", got.Status.NodeInfo.KubeletVersion)
	require.Contains(t, got.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "10.77.0.11"})
	require.Contains(t, got.Labels, "node-role.kubernetes.io/control-plane")
	require.NotEmpty(t, got.Spec.PodCIDR)
}

func (p onPlane) deletedNodesAreGone(t *testing.T) {
	require.NoError(t, p.DeleteNode(t.Context(), "node-3"))
	require.NoError(t, p.DeleteNode(t.Context(), "node-3"), "a second time")
	_, err := p.client.CoreV1().Nodes().Get(t.Context(), "node-3", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

func (p onPlane) claimsAreProvisioned(t *testing.T) {
	claims := p.client.CoreV1().PersistentVolumeClaims("default")
	_, err := claims.Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, "the claim to be bound", 20*time.Second, func(ctx context.Context) error {
		claim, err := claims.Get(ctx, "data", metav1.GetOptions{})
		if err == nil && claim.Status.Phase != corev1.ClaimBound {
			err = fmt.Errorf("it is %s", claim.Status.Phase)
		}
		return err
	})
	require.NoError(t, claims.Delete(t.Context(), "data", metav1.DeleteOptions{}))
	eventually(t, "the volume to be deleted", 30*time.Second, func(ctx context.Context) error {
		volumes, err := p.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
		if err == nil && len(volumes.Items) > 0 {
			err = fmt.Errorf("%s is %s", volumes.Items[0].Name, volumes.Items[0].Status.Phase)
		}
		return err
	})
}

func (p onPlane) jobsComplete(t *testing.T) {
	jobs := p.client.BatchV1().Jobs("default")
	_, err := jobs.Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "once"},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "once", Image: "none"}},
		}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, "the job to be complete", 20*time.Second, func(ctx context.Context) error {
		job, err := jobs.Get(ctx, "once", metav1.GetOptions{})
		if err == nil && job.Status.Succeeded != 1 {
			err = fmt.Errorf("it is not: %+v", job.Status)
		}
		return err
	})
}

func createCNI(t *testing.T, p onPlane) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "cni"}}
	_, err := p.client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	require.NoError(t, err)
	labels := map[string]string{"app": "cni", componentLabel: cniComponent}
	_, err = p.client.AppsV1().DaemonSets("cni").Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "cni"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				HostNetwork:    true,
				Tolerations:    []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
				InitContainers: []corev1.Container{{Name: "install", Image: "none"}},
				Containers:     []corev1.Container{{Name: "cni", Image: "none"}},
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// createDeployment makes a deployment of one pod in the default namespace.
func createDeployment(t *testing.T, p onPlane, name string, pod corev1.PodSpec) {
	t.Helper()
	if len(pod.Containers) == 0 {
		pod.Containers = []corev1.Container{{Name: name, Image: "none"}}
	}
	labels := map[string]string{"app": name}
	_, err := p.client.AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func deploymentIsAvailable(t *testing.T, p onPlane, name string) {
	t.Helper()
	eventually(t, "deployment "+name+" to be available", 30*time.Second, func(ctx context.Context) error {
		deployment, err := p.client.AppsV1().Deployments("default").Get(ctx, name, metav1.GetOptions{})
		if err == nil && deployment.Status.AvailableReplicas != 1 {
			err = fmt.Errorf("it is not: %+v", deployment.Status)
		}
		return err
	})
}

// podsOf lists the pods of a deployment; none is an error.
func podsOf(ctx context.Context, p onPlane, name string) ([]corev1.Pod, error) {
	pods, err := p.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err == nil && len(pods.Items) == 0 {
		err = fmt.Errorf("%s has no pods", name)
	}
	return pods.Items, err
}

func readyNodes(ctx context.Context, t *testing.T, p onPlane) int {
	t.Helper()
	nodes, err := p.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	ready := 0
	for _, node := range nodes.Items {
		if slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}) {
			ready++
		}
	}
	return ready
}

// probeCreate creates an object, once, however often it is asked.
func probeCreate(resources dynamic.ResourceInterface, object *unstructured.Unstructured) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := resources.Create(ctx, object, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	}
}
