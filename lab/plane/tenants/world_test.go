// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/lab/owncharts"
	"github.com/cozystack/cozy-install/lab/plane"
	"github.com/cozystack/cozy-install/manifests"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const (
	systemNamespace = "cozy-system"
	// patience is how long anything may take that the controller does by itself. It is long because a test machine is slow,
	// not because the controller is.
	patience = time.Minute
)

// world is a plane with the platform's charts and a controller.
type world struct {
	plane      *plane.Plane
	client     client.Client // the cluster's administrator
	program    string
	charts     string   // address of the controller's server
	flags      []string // of the controller, beside those that every one has
	metrics    string   // address of the controller's metrics; empty: it gives none
	controller *process
	requests   *requests // of the controller
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctrl.SetLogger(logr.Discard())

	return newWorldOn(t, plane.Start(t, plane.WithoutFlux()))
}

func newWorldOn(t *testing.T, p *plane.Plane) *world {
	t.Helper()

	w := &world{plane: p, program: filepath.Join(t.TempDir(), "cozy-controller")}

	scheme := runtime.NewScheme()
	require.NoError(t, clientscheme.AddToScheme(scheme))
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	require.NoError(t, definition.AddToScheme(scheme))

	var err error

	w.client, err = client.New(w.plane.RESTConfig(), client.Options{Scheme: scheme})
	require.NoError(t, err)

	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", w.program,
		"github.com/cozystack/cozy-install/cmd/cozy-controller").CombinedOutput()
	require.NoError(t, err, string(out))

	t.Cleanup(func() {
		p := w.controller
		w.stopController(t)

		if t.Failed() && p != nil {
			t.Logf("the controller said:\n%s", p.output)
		}
	})

	w.charts = freeAddress(t)
	w.requests = w.noteRequests(t)
	w.createNamespace(t, systemNamespace)

	return w
}

// install applies what a chart makes, but for what would run in pods.
func (w *world) install(t *testing.T, chart string) {
	t.Helper()

	repository, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)

	objects, err := owncharts.Objects(t.Context(), repository, chart, systemNamespace)
	require.NoError(t, err)

	for _, object := range objects {
		require.NoError(t, w.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object),
			client.FieldOwner("test"), client.ForceOwnership), "%s %s", object.GetKind(), object.GetName())
	}
}

func (w *world) createNamespace(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, w.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}

// create makes a tenant. Its parent must be there.
func (w *world) create(t *testing.T, namespace, name string, spec v1alpha1.TenantSpec) {
	t.Helper()

	one := &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
	require.NoError(t, w.client.Create(t.Context(), one), "%s in %s", name, namespace)
}

func (w *world) get(t *testing.T, namespace, name string) *v1alpha1.Tenant {
	t.Helper()

	var found v1alpha1.Tenant
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &found))

	return &found
}

func (w *world) delete(t *testing.T, namespace, name string) {
	t.Helper()
	require.NoError(t, w.client.Delete(t.Context(), w.get(t, namespace, name)))
}

func (w *world) change(t *testing.T, namespace, name string, edit func(*v1alpha1.TenantSpec)) {
	t.Helper()

	one := w.get(t, namespace, name)
	before := one.DeepCopy()
	edit(&one.Spec)
	require.NoError(t, w.client.Patch(t.Context(), one, client.MergeFrom(before)))
}

// awaitReason waits until a condition of a tenant, as found for its present spec, has a reason.
func (w *world) awaitReason(t *testing.T, namespace, name, kind, reason string) metav1.Condition {
	t.Helper()

	var condition *metav1.Condition

	w.await(t, func() bool {
		var one v1alpha1.Tenant
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &one); err != nil {
			return false
		}

		condition = meta.FindStatusCondition(one.Status.Conditions, kind)

		return condition != nil && condition.Reason == reason && condition.ObservedGeneration == one.Generation
	}, func() string { return name + " in " + namespace + ": " + kind + " is not " + reason })

	return *condition
}

func (w *world) awaitReady(t *testing.T, namespace, name string) {
	t.Helper()
	require.Equal(t, metav1.ConditionTrue, w.awaitReason(t, namespace, name, "Ready", "Ready").Status)
}

func (w *world) awaitGone(t *testing.T, object client.Object) {
	t.Helper()
	w.await(t, func() bool {
		return apierrors.IsNotFound(w.client.Get(t.Context(), client.ObjectKeyFromObject(object), object))
	}, func() string { return "still there: " + client.ObjectKeyFromObject(object).String() })
}

// await asks often: the controller needs milliseconds.
func (w *world) await(t *testing.T, holds func() bool, complaint func() string) {
	t.Helper()

	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal(complaint())
		}

		time.Sleep(20 * time.Millisecond)
	}
}

func (w *world) labels(t *testing.T, namespace string) map[string]string {
	t.Helper()

	var found corev1.Namespace
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: namespace}, &found))

	return found.Labels
}
