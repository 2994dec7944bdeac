// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// servedWorld is one whose API server serves all cluster services; foo runs etcd and monitoring, bar below it etcd.
func servedWorld(t *testing.T, more ...client.Object) *world {
	t.Helper()

	w := newWorld(t, append([]client.Object{
		plainNamespace("tenant-root", nil), madeRoot(),
		made("tenant-root", "foo", v1alpha1.TenantSpec{Etcd: true, Monitoring: true}),
		made("tenant-foo", "bar", v1alpha1.TenantSpec{Etcd: true}),
		made("tenant-foo", "qux", v1alpha1.TenantSpec{}),
	}, more...)...)
	for _, service := range tenant.Services() {
		w.kinds.set(service.String(), serviceKind(service))
	}

	return w
}

// service is nil where its object is not there.
func (w *world) service(namespace string, service tenant.Service) *unstructured.Unstructured {
	w.t.Helper()

	found := watch.Object(serviceKind(service))

	err := w.client.Get(w.t.Context(), serviceKey(service, namespace), found)
	if apierrors.IsNotFound(err) {
		return nil
	}

	require.NoError(w.t, err)

	return found
}

// says sets the condition Ready of a service's object.
func (w *world) says(namespace string, service tenant.Service, status metav1.ConditionStatus, message string) {
	w.t.Helper()

	object := w.service(namespace, service)
	require.NoError(w.t, unstructured.SetNestedSlice(object.Object, []any{map[string]any{
		"type": "Ready", "status": string(status), "reason": "Said", "message": message, "observedGeneration": object.GetGeneration(),
	}}, "status", "conditions"))
	require.NoError(w.t, w.client.Update(w.t.Context(), object))
}

// saved is the text of a saved spec, empty where none is.
func (w *world) saved(namespace, name string) string {
	w.t.Helper()

	var found corev1.ConfigMap

	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &found)
	require.NoError(w.t, client.IgnoreNotFound(err))

	return found.Data[savedKey]
}

func (w *world) annotate(namespace, name, key, value string) {
	w.t.Helper()

	found := w.tenant(namespace, name)
	metav1.SetMetaDataAnnotation(&found.ObjectMeta, key, value)
	require.NoError(w.t, w.client.Update(w.t.Context(), found))
}

func TestAFlagMakesAServiceWithAnEmptySpec(t *testing.T) {
	w := servedWorld(t)
	w.settle()

	etcd := w.service("tenant-foo", tenant.Etcd)
	require.Equal(t, map[string]any{}, etcd.Object["spec"])
	require.Equal(t, "cozy-controller", etcd.GetLabels()["app.kubernetes.io/managed-by"])
	require.NotNil(t, w.service("tenant-foo", tenant.Monitoring))
	require.NotNil(t, w.service("tenant-foo-bar", tenant.Etcd))
	require.Nil(t, w.service("tenant-foo-qux", tenant.Etcd))
	require.Nil(t, w.service("tenant-root", tenant.Etcd))
	w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionFalse, "ServiceNotReady")
	w.requireReason("tenant-root", "foo", "Ready", metav1.ConditionFalse, "ServiceNotReady")
	w.requireReason("tenant-foo", "qux", "Ready", metav1.ConditionTrue, "Ready")
}

func TestServicesAreReadyWhenTheySaySo(t *testing.T) {
	w := servedWorld(t)
	w.settle()
	w.says("tenant-foo", tenant.Etcd, metav1.ConditionTrue, "")
	w.says("tenant-foo", tenant.Monitoring, metav1.ConditionFalse, "2 of 3 vminsert are not running")
	w.settle()

	require.Equal(t, "monitoring is not ready: 2 of 3 vminsert are not running", w.condition("tenant-root", "foo", "Ready").Message)

	foo, qux := w.tenant("tenant-root", "foo").Status.Services, w.tenant("tenant-foo", "qux").Status.Services
	require.Equal(t, []bool{true, false, true, false}, []bool{foo.Etcd.Ready, foo.Monitoring.Ready, qux.Etcd.Ready, qux.Monitoring.Ready})

	w.says("tenant-foo", tenant.Monitoring, metav1.ConditionTrue, "")
	w.settle()
	w.requireReason("tenant-root", "foo", "Ready", metav1.ConditionTrue, "Ready")

	// What was said of an older spec says nothing of the newer.
	etcd := w.service("tenant-foo", tenant.Etcd)
	etcd.SetGeneration(7)
	require.NoError(t, w.client.Update(t.Context(), etcd))
	w.settle()
	require.Equal(t, "etcd is not ready: its last change was not acted on yet", w.condition("tenant-root", "foo", "ServicesReady").Message)
	require.False(t, w.tenant("tenant-foo", "qux").Status.Services.Etcd.Ready)
}

func TestTheSpecOfAServiceIsItsUsers(t *testing.T) {
	w := servedWorld(t)
	w.settle()

	etcd := w.service("tenant-foo", tenant.Etcd)
	etcd.Object["spec"] = map[string]any{"replicas": int64(5)}
	etcd.SetLabels(nil)
	require.NoError(t, w.client.Update(t.Context(), etcd))

	version := w.service("tenant-foo", tenant.Etcd).GetResourceVersion()

	for range 100 {
		w.pass()
	}

	require.Equal(t, version, w.service("tenant-foo", tenant.Etcd).GetResourceVersion())
}

func TestAServiceThatIsTurnedOffComesBackAsItWas(t *testing.T) {
	w := servedWorld(t)
	w.settle()

	etcd := w.service("tenant-foo", tenant.Etcd)
	etcd.Object["spec"] = map[string]any{"replicas": int64(5), "storage": map[string]any{"size": "20Gi"}}
	etcd.SetFinalizers([]string{"cozystack.io/application"})
	require.NoError(t, w.client.Update(t.Context(), etcd))

	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = false })
	w.settle()
	require.JSONEq(t, `{"replicas": 5, "storage": {"size": "20Gi"}}`, w.saved("tenant-foo", "etcd-saved"))
	w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionFalse, "ServiceTerminating")

	// On again before it is gone: nothing is lost, and it waits.
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = true })
	w.settle()
	require.Contains(t, w.condition("tenant-root", "foo", "ServicesReady").Message, "etcd is still being removed")

	gone := w.service("tenant-foo", tenant.Etcd)
	gone.SetFinalizers(nil)
	require.NoError(t, w.client.Update(t.Context(), gone))
	w.settle()

	back := w.service("tenant-foo", tenant.Etcd)
	require.Equal(t, map[string]any{"replicas": int64(5), "storage": map[string]any{"size": "20Gi"}}, back.Object["spec"])
	require.Empty(t, back.GetAnnotations())
	require.Empty(t, w.saved("tenant-foo", "etcd-saved"))
	require.Empty(t, w.settle())
}

// The cache may be so far behind that it shows an object which was since then turned off.
func TestWhatWasSavedMeanwhileIsKept(t *testing.T) {
	w := servedWorld(t)
	w.settle()

	off := func(spec *v1alpha1.TenantSpec) { spec.Etcd = false }
	w.change("tenant-root", "foo", off)
	w.settle()
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Etcd = true })
	w.pass()

	stale := w.service("tenant-foo", tenant.Etcd)
	stale.SetUID("stale")
	require.NotEmpty(t, stale.GetAnnotations()[annotationRestored])
	require.NoError(t, w.client.Delete(t.Context(), stale.DeepCopy()))

	one := &reconciler{client: w.client}
	require.NoError(t, one.saveSpec(t.Context(), stale, tenant.Etcd)) // the same spec
	require.NoError(t, one.forgetSaved(t.Context(), stale))
	require.Equal(t, "{}", w.saved("tenant-foo", "etcd-saved"))
}

func TestASpecIsSavedBeforeItIsDeleted(t *testing.T) {
	w := servedWorld(t)
	w.settle()
	w.annotate("tenant-root", "foo", "cozystack.io/force-disable", "monitoring") // others use it
	w.change("tenant-root", "foo", func(spec *v1alpha1.TenantSpec) { spec.Monitoring = false })
	w.fails = func(verb string, object client.Object) error {
		if verb == "apply" && object.GetName() == "monitoring-saved" {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, object.GetName(), nil)
		}

		return nil
	}
	w.passFails()
	require.NotNil(t, w.service("tenant-foo", tenant.Monitoring))

	w.fails = nil
	w.settle()
	require.Nil(t, w.service("tenant-foo", tenant.Monitoring))
	require.Equal(t, "{}", w.saved("tenant-foo", "monitoring-saved"))
	w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionFalse, "ServiceNotReady") // of etcd
}

// passFails resolves the tree, and lets tenants fail that do.
func (w *world) passFails() {
	w.t.Helper()

	resolver := w.resolver()
	_, err := resolver.Reconcile(w.t.Context(), request())
	require.NoError(w.t, err)

	asked(w.t, w.woken)
	require.Error(w.t, w.reconcile(client.ObjectKey{Namespace: "tenant-root", Name: "foo"}))
}

func TestASavedSpecThatCanNotBeReadIsSaidAndTriedAgain(t *testing.T) {
	w := servedWorld(t, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-foo", Name: "etcd-saved"}, Data: map[string]string{savedKey: "{"},
	})
	w.passFails()
	w.passFails()
	w.requireReason("tenant-root", "foo", "ServicesReady", metav1.ConditionFalse, "SavedSpecUnreadable")
	require.Contains(t, w.condition("tenant-root", "foo", "ServicesReady").Message, "delete the ConfigMap to begin with an empty spec")
	require.Nil(t, w.service("tenant-foo", tenant.Etcd))
}
