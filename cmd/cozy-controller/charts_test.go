// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

func ask(t *testing.T, s http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()

	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))

	return answer
}

func TestChartsOfTheClusterAreServedBesideOurOwn(t *testing.T) {
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)

	client := fake.NewClientset()
	s := &chartServer{own: own, client: client, namespace: "cozy-system", log: slog.New(slog.DiscardHandler)}
	require.NotContains(t, ask(t, s, "/index.yaml").Body.String(), "kubevirt-operator")

	archive, err := own.Pack(map[string][]byte{"Chart.yaml": []byte("{apiVersion: v2, name: kubevirt-operator, version: 1.8.4}")})
	require.NoError(t, err)
	_, err = client.CoreV1().ConfigMaps("cozy-system").Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: "chart-kubevirt-operator", Labels: map[string]string{bundles.ChartLabel: "kubevirt-operator"}, ResourceVersion: "1",
		},
		BinaryData: map[string][]byte{bundles.ChartKey: archive},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	require.Contains(t, ask(t, s, "/index.yaml").Body.String(), "kubevirt-operator-1.8.4.tgz")
	require.Equal(t, archive, ask(t, s, "/kubevirt-operator-1.8.4.tgz").Body.Bytes())

	isAway(client)
	require.Equal(t, http.StatusOK, ask(t, s, "/index.yaml").Code, "as it was")
}

func TestWhileTheClusterIsAwayNoIndexIsMadeUp(t *testing.T) {
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)

	client := fake.NewClientset()
	isAway(client)

	s := &chartServer{own: own, client: client, namespace: "cozy-system", log: slog.New(slog.DiscardHandler)}
	require.Equal(t, http.StatusServiceUnavailable, ask(t, s, "/index.yaml").Code)

	version, err := own.Version("cozy-controller")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, ask(t, s, "/cozy-controller-"+version+".tgz").Code, "our own are in memory")
}

func isAway(client *fake.Clientset) {
	client.PrependReactor("list", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
}
