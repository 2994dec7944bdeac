// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
)

func TestWhyAnObjectIsNotReady(t *testing.T) {
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, "y")
	for want, got := range map[string]FailingObject{
		"Deployment x/y: 0 out of 1 expected pods are ready": failingObject("Deployment", "x", "y", "Deployment is not ready: x/y. 0 out of 1 expected pods are ready", nil),
		"Service x/y: Service does not have cluster IP address": failingObject(
			"Service", "x", "y", "Service does not have cluster IP address: x/y", nil),
		"ConfigMap x/y: it does not exist":            failingObject("ConfigMap", "x", "y", "", missing),
		"Job x/y: job is failed: x/y":                 failingObject("Job", "x", "y", "Job is failed: x/y", errors.New("job is failed: x/y")),
		"CustomResourceDefinition y: it is not ready": failingObject("CustomResourceDefinition", "", "y", "", nil),
	} {
		require.Equal(t, want, got.String())
	}
	require.Empty(t, FailingObject{}.String())
	long := failingObject("Pod", "x", "y", "", errors.New(strings.Repeat("ö", maxReason)))
	require.LessOrEqual(t, len(long.Why), maxReason+3)
	require.True(t, strings.HasSuffix(long.Why, "ö..."), "no half characters")
}

func owned(name, ownerKind, owner string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "x", OwnerReferences: []metav1.OwnerReference{{Kind: ownerKind, Name: owner}}}
}

func warning(name, kind, about string, minute int) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "x"}, Type: corev1.EventTypeWarning, Reason: "Because", Message: name,
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: about}, LastTimestamp: metav1.NewTime(time.Unix(int64(60*minute), 0)),
	}
}

func TestTheNewestWarningAboutAnObjectOrItsPods(t *testing.T) {
	pod := corev1.Pod{ObjectMeta: owned("web-1-a", "ReplicaSet", "web-1")}
	pod.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
	}}}
	recent := warning("of a series", "StatefulSet", "db", 1)
	recent.Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(time.Unix(600, 0))}
	client := fake.NewClientset(&pod,
		&appsv1.ReplicaSet{ObjectMeta: owned("web-1", "Deployment", "web")},
		&appsv1.Deployment{ObjectMeta: owned("web", "Site", "mine")}, &appsv1.StatefulSet{ObjectMeta: owned("db", "Database", "mine")},
		&corev1.Pod{ObjectMeta: owned("circle", "Pod", "circle")},
		warning("old", "Pod", "web-1-a", 1), warning("newest", "PersistentVolumeClaim", "data", 3),
		warning("newer", "ReplicaSet", "web-1", 2), warning("of others", "Pod", "other", 9),
		recent, warning("single", "StatefulSet", "db", 5), warning("odd", "Pod", "circle", 9),
	)
	w, err := readWarnings(t.Context(), client, "x")
	require.NoError(t, err)
	require.Equal(t, Warning{"PersistentVolumeClaim", "data", "Because", "newest"}, w.last(objectKey{"Deployment", "web"}))
	require.Equal(t, "Pod other: Because: of others", w.last(objectKey{"Pod", "other"}).String())
	require.Equal(t, "of a series", w.last(objectKey{"StatefulSet", "db"}).Message)
	require.Equal(t, "newest", w.last(objectKey{"Site", "mine"}).Message, "of what an operator made for it")
	require.Equal(t, "of a series", w.last(objectKey{"Database", "mine"}).Message)
	require.Equal(t, Warning{}, w.last(objectKey{"DaemonSet", "calm"}))
}
