// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/lab/operatorsim"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// grafanaRests turns monitoring off and on: with the real Helm, which takes over what it left. Grafana's operator does not run: its pod
// is the number that the object asks for, and its volume's claim is made here, owned by the object as the operator has it.
func (w *rootWorld) grafanaRests(t *testing.T) {
	defer w.operate(t, operatorsim.Simulation{Certificate: w.site.Certificate, Address: rootNode.String()})()
	before := w.grafana(t)
	require.NotNil(t, before)
	w.ownsAClaim(t, before)
	w.awaitGrafana(t, "it runs", before.GetUID(), int64(1), true)

	w.patch(t, "tenants", "root", `{"spec":{"monitoring":false}}`)
	w.awaitGrafana(t, "it is stopped, and its address gone", before.GetUID(), int64(0), false)
	require.True(t, w.hasClaim(t))

	w.patch(t, "tenants", "root", `{"spec":{"monitoring":true}}`)
	w.awaitGrafana(t, "it is started again", before.GetUID(), int64(1), true)
	w.awaitServices(t)
	require.True(t, w.hasClaim(t))

	w.patch(t, "tenants", "root", `{"spec":{"monitoring":false}}`)
	w.awaitGrafana(t, "it is stopped again", before.GetUID(), int64(0), false)
	w.patch(t, "tenants", "root", `{"metadata":{"annotations":{"cozystack.io/accept-data-loss":"monitoring"}}}`)
	require.Eventually(t, func() bool { return w.grafana(t) == nil && !w.hasClaim(t) }, patience, time.Second, "the loss is accepted")
	require.Eventually(t, func() bool { return w.root(t).GetAnnotations()["cozystack.io/accept-data-loss"] == "" }, patience, time.Second)

	w.patch(t, "tenants", "root", `{"spec":{"monitoring":true}}`)
	w.awaitServices(t)
	require.NotEqual(t, before.GetUID(), w.grafana(t).GetUID())
}

// grafana is nil where there is none.
func (w *rootWorld) grafana(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	grafanas := schema.GroupVersionResource{Group: "grafana.integreatly.org", Version: "v1beta1", Resource: "grafanas"}
	found, err := w.dynamic.Resource(grafanas).Namespace("tenant-root").Get(t.Context(), "grafana", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(t, err)
	return found
}

func (w *rootWorld) ownsAClaim(t *testing.T, grafana *unstructured.Unstructured) {
	t.Helper()
	_, err := w.kube.CoreV1().PersistentVolumeClaims("tenant-root").Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: "grafana-pvc", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(grafana, grafana.GroupVersionKind())},
			Labels: map[string]string{
				"apps.cozystack.io/application.group": "apps.cozystack.io", "apps.cozystack.io/application.kind": "Monitoring",
				"apps.cozystack.io/application.name": "monitoring",
			},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func (w *rootWorld) hasClaim(t *testing.T) bool {
	t.Helper()
	found, err := w.kube.CoreV1().PersistentVolumeClaims("tenant-root").Get(t.Context(), "grafana-pvc", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false
	}
	require.NoError(t, err)
	return found.DeletionTimestamp == nil
}

// awaitGrafana waits until this very object asks for a number of pods, and its Ingress is there or not.
func (w *rootWorld) awaitGrafana(t *testing.T, what string, uid types.UID, replicas int64, isPublished bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		found := w.grafana(t)
		if found == nil || found.GetUID() != uid {
			return false
		}
		asked, _, err := unstructured.NestedInt64(found.Object, "spec", "deployment", "spec", "replicas")
		require.NoError(t, err)
		_, err = w.kube.NetworkingV1().Ingresses("tenant-root").Get(t.Context(), "grafana", metav1.GetOptions{})
		return asked == replicas && (err == nil) == isPublished
	}, patience, time.Second, what)
}

func (w *rootWorld) root(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	return w.object(t, "tenants", "root")
}

// awaitServices waits until all that the root runs is ready, as its spec is now.
func (w *rootWorld) awaitServices(t *testing.T) {
	t.Helper()
	says := ""
	require.Eventually(t, func() bool {
		root := w.root(t)
		condition := conditionOf(t, root, v1alpha1.ConditionServicesReady)
		says, _ = condition["message"].(string)
		return condition["status"] == "True" && condition["observedGeneration"] == root.GetGeneration() && !strings.Contains(says, "off")
	}, 2*patience, time.Second, "%s", &says)
}
