// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
)

// TestALostRegistryIsNamedWhenTheControllerMoves: the registry is real, the kubelet of the node that the controller moves to is
// simulated by the state that it would give the pod.
func TestALostRegistryIsNamedWhenTheControllerMoves(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	said, ended := make(chan string, 1), make(chan error, 1)
	serve := RegistryOptions{Store: filepath.Join(t.TempDir(), "store"), Listen: "127.0.0.1:0"}
	go func() { ended <- ServeRegistry(ctx, serve, func(line string) { said <- line }) }()
	s := parseSite(t, "", "")
	b := &bringup{site: s}
	registry, checks := b.registryStatus(t.Context(), nil)
	require.Nil(t, registry)
	require.Empty(t, checks, "there is none")

	s.Registries.Bastion = &site.BastionRegistry{Address: regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(<-said), Only: true}
	client := fake.NewClientset()
	b.cluster = &kube.Client{Typed: client}
	registry, checks = b.registryStatus(t.Context(), nil)
	require.Equal(t, &RegistryStatus{Address: s.Registries.Bastion.Address, Answers: true, Only: true}, registry)
	require.Equal(t, []CheckResult{{Check: "registry", State: CheckOK}}, checks)

	stop()
	require.NoError(t, <-ended)
	_, checks = b.registryStatus(t.Context(), nil)
	require.Equal(t, CheckFailed, checks[0].State, "before anything is missing")
	require.Contains(t, checks[0].Reason, "a pod that comes to another node gets no image")

	_, err := client.CoreV1().Pods("cozy-system").Create(t.Context(), movedController(), metav1.CreateOptions{})
	require.NoError(t, err)
	registry, checks = b.registryStatus(t.Context(), nil)
	require.Equal(t, []kube.Unpulled{{
		Pod: "cozy-system/cozy-controller-1", Node: "cp2", Image: "cozy-install.local/cozy-controller@sha256:0",
	}}, registry.Unpulled)
	require.Equal(t, CheckFailed, checks[0].State)
	require.Contains(t, checks[0].Reason,
		"does not answer, and 1 pods wait for images, such as cozy-system/cozy-controller-1 on cp2 for cozy-install.local/cozy-controller@sha256:0")
}

func movedController() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "cozy-system", Name: "cozy-controller-1"},
		Spec:       corev1.PodSpec{NodeName: "cp2"},
		Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
			Image: "cozy-install.local/cozy-controller@sha256:0",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}},
		}}},
	}
}
