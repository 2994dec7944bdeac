// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func inSystem(name, app string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "kube-system", Name: name, Labels: map[string]string{"k8s-app": app}}
}

func proxyPod(name, node string, phase corev1.PodPhase, isReady corev1.ConditionStatus) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: inSystem(name, "kube-proxy"), Spec: corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{Phase: phase, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: isReady}}},
	}
}

func TestAClusterWithoutAddOnsHasNone(t *testing.T) {
	cordoned := node("b", ready)
	cordoned.Spec.Unschedulable = true
	health, err := client(node("a", notYet), cordoned).Health(t.Context())
	require.NoError(t, err)
	require.Nil(t, health.Proxies, "a CNI may replace it")
	require.Nil(t, health.DNS)
	require.True(t, health.Nodes["b"].Cordoned)
	require.Equal(t, "KubeletNotReady: cni plugin not initialized", health.Nodes["a"].Reason)
}

func TestAddOnsAreSeenOnEachNode(t *testing.T) {
	one := int32(3)
	dns := &appsv1.Deployment{ObjectMeta: inSystem("coredns", "kube-dns"), Spec: appsv1.DeploymentSpec{Replicas: &one}}
	dns.Status.ReadyReplicas = 2
	objects := []runtime.Object{
		node("a", ready), node("b", ready), node("c", ready), dns,
		&appsv1.DaemonSet{ObjectMeta: inSystem("kube-proxy", "kube-proxy")},
		proxyPod("p1", "a", corev1.PodRunning, corev1.ConditionTrue), proxyPod("p2", "b", corev1.PodPending, corev1.ConditionFalse),
		proxyPod("p0", "a", corev1.PodFailed, corev1.ConditionFalse), // of before: another one is ready
	}
	health, err := (&Client{Typed: fake.NewSimpleClientset(objects...)}).Health(t.Context())
	require.NoError(t, err)
	require.Equal(t, &Replicas{Wanted: 3, Ready: 2}, health.DNS)
	require.Equal(t, map[string]string{
		"a": "", "b": "pod p2 is Pending and not ready", "c": "no pod of kube-proxy is there",
	}, health.Proxies)
}
