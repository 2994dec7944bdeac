// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
)

func node(name string, conditions ...corev1.NodeCondition) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
		Conditions: conditions,
		Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}},
	}}
}

func client(nodes ...*corev1.Node) *Client {
	set := fake.NewSimpleClientset()
	for _, n := range nodes {
		_ = set.Tracker().Add(n)
	}
	return &Client{Typed: set}
}

var (
	ready    = corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue}
	notYet   = corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", Message: "cni plugin not initialized"}
	pressure = corev1.NodeCondition{Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue}
)

func TestEveryMissingNodeIsNamed(t *testing.T) {
	err := client(node("a")).AssertRegistered(t.Context(), []string{"a", "b", "c"})
	require.EqualError(t, err, "not registered: b; c")
	require.NoError(t, client(node("a"), node("extra")).AssertRegistered(t.Context(), []string{"a"}))
}

func TestReadinessGivesTheNodesOwnReason(t *testing.T) {
	c := client(node("a", pressure, ready), node("b", notYet), node("c", pressure))
	require.NoError(t, c.AssertReady(t.Context(), []string{"a"}))
	err := c.AssertReady(t.Context(), []string{"a", "b", "c", "d"})
	require.EqualError(t, err, "not ready: b: KubeletNotReady: cni plugin not initialized; c: its kubelet has not reported yet; d is not registered")
}

func TestNodeStatesAreSortedByName(t *testing.T) {
	states, err := client(node("b", notYet), node("a", ready)).NodeStates(t.Context())
	require.NoError(t, err)
	require.Equal(t, []NodeState{
		{Name: "a", Ready: true, Address: "10.0.0.1"},
		{Name: "b", Reason: "KubeletNotReady: cni plugin not initialized", Address: "10.0.0.1"},
	}, states)
}

func TestAssertCondition(t *testing.T) {
	condition := func(status string, observed int64) []any {
		return []any{map[string]any{"type": "Ready", "status": status, "reason": "Because", "message": "so", "observedGeneration": observed}}
	}
	for _, tt := range []struct {
		name       string
		generation int64
		conditions []any
		want       string
	}{
		{"true", 1, condition("True", 1), ""},
		{"true without a generation", 3, condition("True", 0), ""},
		{"false", 1, condition("False", 1), "not Ready: Tenant root: Because: so"},
		{"true but of an older generation", 2, condition("True", 1), "not Ready: Tenant root has not been looked at by its controller yet"},
		{"no condition", 1, nil, "not Ready: Tenant root has not been looked at by its controller yet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			object := &unstructured.Unstructured{Object: map[string]any{"kind": "Tenant", "status": map[string]any{"conditions": tt.conditions}}}
			object.SetName("root")
			object.SetGeneration(tt.generation)
			err := AssertCondition(object, "Ready")
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestAKubeconfigThatIsNoneIsRefused(t *testing.T) {
	_, err := FromKubeconfig([]byte("{"))
	require.ErrorContains(t, err, "read kubeconfig")
	_, err = FromFile(t.TempDir()+"/missing", "")
	require.ErrorContains(t, err, "missing")
}

func TestWhatTheClusterAnsweredIsNotTakenForSilence(t *testing.T) {
	c := &Client{Config: &rest.Config{Host: "https://10.0.0.1:6443"}}
	require.NoError(t, c.Answered(nil))
	refused := apierrors.NewForbidden(schema.GroupResource{Resource: "tenants"}, "root", nil)
	require.Equal(t, error(refused), c.Answered(refused))
	err := c.Answered(syscall.EHOSTUNREACH)
	require.EqualError(t, err, "cluster https://10.0.0.1:6443 does not answer: no route to host")
	require.ErrorIs(t, err, syscall.EHOSTUNREACH)
}
