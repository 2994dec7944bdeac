// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func established(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": name},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
	}}
}

// agents is a DaemonSet whose pods have one label, in a namespace that says nothing.
func agents(name, label string, isReady bool) *appsv1.DaemonSet {
	key, value, _ := strings.Cut(label, "=")
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "somewhere", Name: name}}
	set.Spec.Template.Labels = map[string]string{key: value}
	if set.Status.DesiredNumberScheduled = 3; isReady {
		set.Status.NumberReady = 1
	}
	return set
}

func kindnetSet(image string, ready int32) *appsv1.DaemonSet {
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kindnet"}}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Image: image}}
	set.Status.NumberReady = ready
	return set
}

func clusterOf(crdNames []string, sets ...runtime.Object) *Client {
	var found []runtime.Object
	for _, crd := range crdNames {
		found = append(found, established(crd))
	}
	return &Client{Typed: fake.NewClientset(sets...), Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{crds: "CustomResourceDefinitionList"}, found...)}
}

const (
	ownPolicies   = "ciliumnetworkpolicies.cilium.io"
	clusterwide   = "ciliumclusterwidenetworkpolicies.cilium.io"
	felix         = "felixconfigurations.crd.projectcalico.org"
	recentKindnet = "docker.io/kindest/kindnetd:v20250512-df8de77b"
)

func TestWhatEnforcesPoliciesIsSeen(t *testing.T) {
	runningCilium, runningCalico := agents("anetd", "k8s-app=cilium", true), agents("calico-node", "k8s-app=calico-node", true)
	for name, tt := range map[string]struct {
		crds []string
		sets []runtime.Object
		want Enforcement
	}{
		"nothing":                       {},
		"Cilium":                        {[]string{ownPolicies, clusterwide}, []runtime.Object{runningCilium}, Enforcement{Cilium: true}},
		"a part of Cilium":              {[]string{ownPolicies}, []runtime.Object{runningCilium}, Enforcement{}},
		"Calico":                        {[]string{felix}, []runtime.Object{runningCalico}, Enforcement{Kubernetes: "Calico"}},
		"canal":                         {[]string{felix}, []runtime.Object{agents("rke2-canal", "k8s-app=canal", true)}, Enforcement{Kubernetes: "Calico"}},
		"Cilium beside it":              {[]string{ownPolicies, clusterwide, felix}, []runtime.Object{runningCilium, runningCalico}, Enforcement{Cilium: true}},
		"Calico after Cilium":           {[]string{ownPolicies, clusterwide, felix}, []runtime.Object{runningCalico}, Enforcement{Kubernetes: "Calico"}},
		"Antrea":                        {[]string{"antreaagentinfos.crd.antrea.io"}, []runtime.Object{agents("antrea-agent", "component=antrea-agent", true)}, Enforcement{Kubernetes: "Antrea"}},
		"OVN-Kubernetes":                {[]string{"egressips.k8s.ovn.org"}, []runtime.Object{agents("ovnkube-node", "app=ovnkube-node", true)}, Enforcement{Kubernetes: "OVN-Kubernetes"}},
		"kind":                          {nil, []runtime.Object{kindnetSet(recentKindnet, 1)}, Enforcement{Kubernetes: "kindnet"}},
		"kind before v0.24":             {nil, []runtime.Object{kindnetSet("docker.io/kindest/kindnetd:v20240202-8f1494ea", 1)}, Enforcement{}},
		"kindnet of its own":            {nil, []runtime.Object{kindnetSet("example.org/kindnet:main", 1)}, Enforcement{}},
		"Calico's pods, and no kinds":   {nil, []runtime.Object{runningCalico}, Enforcement{}},
		"another program of that label": {[]string{felix}, []runtime.Object{runningCilium}, Enforcement{Idle: []string{"it has the kinds of Calico, and none of its agents is ready: no DaemonSet has a ready pod with the label k8s-app=calico-node or k8s-app=canal"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := clusterOf(tt.crds, tt.sets...).Enforcement(t.Context())
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestWhatAClusterWasMovedAwayFromEnforcesNothing(t *testing.T) {
	got, err := clusterOf([]string{ownPolicies, clusterwide, felix},
		agents("cilium", "k8s-app=cilium", false), kindnetSet(recentKindnet, 0)).Enforcement(t.Context())
	require.NoError(t, err)
	require.False(t, got.Cilium)
	require.Empty(t, got.Kubernetes)
	require.Len(t, got.Idle, 3)
	require.Contains(t, got.Idle[0], "the kinds of Cilium")
	require.Contains(t, got.Idle[0], "k8s-app=cilium")
	require.Contains(t, got.Idle[1], "the kinds of Calico")
	require.Equal(t, "no pod of DaemonSet kube-system/kindnet is ready", got.Idle[2])
}

func TestWhoMayNotListAgentsIsNotToldThatThereAreNone(t *testing.T) {
	c := clusterOf([]string{felix})
	typed, _ := c.Typed.(*fake.Clientset)
	typed.PrependReactor("list", "daemonsets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(appsv1.Resource("daemonsets"), "", nil)
	})
	_, err := c.Enforcement(t.Context())
	require.True(t, apierrors.IsForbidden(err), err)
	require.ErrorContains(t, err, "list DaemonSets")
}
