// SPDX-License-Identifier: Apache-2.0

package kubesim

import (
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// GiveNetwork makes the nodes Ready, those that register later too, as a CNI does.
func (s *Server) GiveNetwork() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.ready = true
}

// Applied are the objects that were applied, as namespace/name, in their order.
func (s *Server) Applied() []string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return slices.Clone(s.applied)
}

func (s *Server) get(w http.ResponseWriter, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	node, known := s.nodes[name]
	if !known {
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, "nodes \""+name+"\" not found")

		return
	}

	answer(w, s.object(name, node))
}

// object is a node in the form of the API: before there is a network it is registered and not Ready. It needs the lock.
func (s *Server) object(name string, node talosim.KubernetesNode) corev1.Node {
	condition := corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady",
		Message: "container runtime network not ready: cni plugin not initialized",
	}

	switch {
	case s.down[name]:
		condition.Status, condition.Reason, condition.Message = corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
	case s.ready:
		condition.Status, condition.Reason, condition.Message = corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"
	}

	return corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: node.Labels},
		Spec:       corev1.NodeSpec{Unschedulable: s.cordoned[name]},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{condition},
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: node.InternalIP.String()}},
			NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: node.KubeletVersion},
		},
	}
}

// discovery is what a client asks before it applies objects: of which there are only those that the simulated Talos furnishes
// a cluster with.
func discovery(path string) any {
	switch path {
	case "/api":
		return metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}
	case "/apis":
		return metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	}

	return metav1.APIResourceList{
		TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "v1",
		APIResources: []metav1.APIResource{
			{Name: "configmaps", SingularName: "configmap", Kind: "ConfigMap", Namespaced: true, Verbs: metav1.Verbs{"get", "patch"}},
			{Name: "secrets", SingularName: "secret", Kind: "Secret", Namespaced: true, Verbs: metav1.Verbs{"get", "patch"}},
			{Name: "nodes", SingularName: "node", Kind: "Node", Verbs: metav1.Verbs{"get", "list", "patch", "delete"}},
		},
	}
}
