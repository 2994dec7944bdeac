// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

const (
	// kwokAnnotation marks the nodes that KWOK plays; it is KWOK's own name.
	kwokAnnotation = "kwok.x-k8s.io/node"
	// cniReadyAnnotation is "true" on a node on which a CNI's pod runs or has run.
	cniReadyAnnotation = "lab.cozystack.io/cni-ready"
	controlPlaneLabel  = "node-role.kubernetes.io/control-plane"
)

// Role of a node in the cluster.
type Role string

// The roles, as Talos calls them.
const (
	ControlPlane Role = "controlplane"
	Worker       Role = "worker"
)

// NodeSpec is what a machine's kubelet would say of itself.
type NodeSpec struct {
	Name              string
	Role              Role
	InternalIP        netip.Addr        // never loopback: kube-apiserver refuses such endpoints
	Labels            map[string]string // beside the usual ones
	Taints            []corev1.Taint    // beside not-ready, which the apiserver sets
	TalosVersion      string            // "v1.13.9"
	KubernetesVersion string            // of the kubelet, "v1.34.4"
}

// RegisterNode makes a node, or brings the node of that name up to date, as a kubelet does when it starts. A new node is NotReady,
// for want of a CNI, until the pod of one runs on it. It may be called again for the same node.
func (p *Plane) RegisterNode(ctx context.Context, spec NodeSpec) error {
	nodes := p.client.CoreV1().Nodes()
	_, err := nodes.Create(ctx, newNode(spec), metav1.CreateOptions{})
	if err == nil || !apierrors.IsAlreadyExists(err) {
		return wrap(err, "register node %s", spec.Name)
	}
	// As after a reboot: labels and versions are the kubelet's, conditions and annotations stay.
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		node, err := nodes.Get(ctx, spec.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		want := newNode(spec)
		for key, value := range want.Labels {
			metav1.SetMetaDataLabel(&node.ObjectMeta, key, value)
		}
		metav1.SetMetaDataAnnotation(&node.ObjectMeta, kwokAnnotation, "fake")
		if node, err = nodes.Update(ctx, node, metav1.UpdateOptions{}); err != nil {
			return err
		}
		node.Status.Addresses, node.Status.NodeInfo = want.Status.Addresses, want.Status.NodeInfo
		_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err
	})
	return wrap(err, "register node %s again", spec.Name)
}

// DeleteNode removes a node; its pods follow. A node that does not exist is no error.
func (p *Plane) DeleteNode(ctx context.Context, name string) error {
	err := p.client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return wrap(err, "delete node %s", name)
}

func newNode(spec NodeSpec) *corev1.Node {
	labels := map[string]string{
		corev1.LabelHostname:   spec.Name,
		corev1.LabelOSStable:   "linux",
		corev1.LabelArchStable: "amd64",
	}
	if spec.Role == ControlPlane {
		labels[controlPlaneLabel] = ""
	}
	for key, value := range spec.Labels {
		labels[key] = value
	}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("8"),
		corev1.ResourceMemory:           resource.MustParse("32Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
		corev1.ResourcePods:             resource.MustParse("110"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: spec.Name, Labels: labels, Annotations: map[string]string{kwokAnnotation: "fake"}},
		Spec:       corev1.NodeSpec{Taints: spec.Taints},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: spec.InternalIP.String()},
				{Type: corev1.NodeHostName, Address: spec.Name},
			},
			Conditions: conditionsWithoutCNI(metav1.NewTime(time.Now())),
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: spec.KubernetesVersion, OSImage: "Talos (" + spec.TalosVersion + ")",
				KernelVersion: "simulated", ContainerRuntimeVersion: "simulated://0", OperatingSystem: "linux", Architecture: "amd64",
			},
		},
	}
}

// conditionsWithoutCNI are a kubelet's first conditions; the words of the last are containerd's.
func conditionsWithoutCNI(now metav1.Time) []corev1.NodeCondition {
	condition := func(kind corev1.NodeConditionType, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{
			Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now,
		}
	}
	return []corev1.NodeCondition{
		condition(corev1.NodeMemoryPressure, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		condition(corev1.NodeDiskPressure, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		condition(corev1.NodePIDPressure, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		condition(corev1.NodeReady, "KubeletNotReady", "container runtime network not ready: NetworkReady=false "+
			"reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"),
	}
}

// wrap adds what was being done, and leaves nil alone.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}
