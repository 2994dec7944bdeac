// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// world is a fake API server and both reconcilers, driven by hand. What only a real one does (generations, creation
// times, watches, garbage collection, admission) is not here: lab/plane has it.
type world struct {
	t       *testing.T
	client  client.Client
	tree    *tree
	kinds   *kinds
	ciliums *kinds
	site    *policy.Site
	events  *events.FakeRecorder // nil: nobody listens
	metrics *metrics
	// woken are the tenants that were handed out to be looked at.
	woken *watch.Wakes[reconcile.Request]
	// now is what the clock says, and again how soon each tenant wants to be looked at again by the clock.
	now   time.Time
	again map[types.NamespacedName]time.Duration
	// served are the kinds of apps.cozystack.io.
	served []schema.GroupVersionKind
	// writes are the calls that would change something on a server, in order.
	writes []string
	// fails answers a write in the server's place. Nil: none does.
	fails func(verb string, object client.Object) error
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()

	scheme := runtime.NewScheme()
	require.NoError(t, corev1.AddToScheme(scheme))
	require.NoError(t, rbacv1.AddToScheme(scheme))
	require.NoError(t, networkingv1.AddToScheme(scheme))
	require.NoError(t, v1alpha1.AddToScheme(scheme))

	for _, service := range tenant.Services() {
		scheme.AddKnownTypeWithName(serviceKind(service), &unstructured.Unstructured{})
		scheme.AddKnownTypeWithName(watch.List(serviceKind(service)).GroupVersionKind(), &unstructured.UnstructuredList{})
	}

	for _, service := range []tenant.Service{tenant.Etcd, tenant.SeaweedFS, tenant.Monitoring} {
		kept := keptOf(service, "").GroupVersionKind()
		scheme.AddKnownTypeWithName(kept, &unstructured.Unstructured{})
		scheme.AddKnownTypeWithName(watch.List(kept).GroupVersionKind(), &unstructured.UnstructuredList{})
	}

	w := &world{
		t: t, tree: &tree{}, kinds: &kinds{isKnown: true}, ciliums: &kinds{isKnown: true}, woken: &watch.Wakes[reconcile.Request]{},
		now: time.Unix(1_800_000_000, 0), again: map[types.NamespacedName]time.Duration{},
	}

	for _, kind := range []string{"Tenant", "TenantLimits", "Postgres", "Etcd", "Redis"} {
		w.served = append(w.served, v1alpha1.GroupVersion.WithKind(kind))
	}

	// Those that have no types here.
	for _, kind := range append(w.served[2:], releaseOfFlux()) {
		scheme.AddKnownTypeWithName(kind, &unstructured.Unstructured{})
		scheme.AddKnownTypeWithName(kind.GroupVersion().WithKind(kind.Kind+"List"), &unstructured.UnstructuredList{})
	}

	for i, object := range objects {
		if object.GetUID() == "" {
			object.SetUID(types.UID(fmt.Sprintf("uid-%03d", i)))
		}
	}

	// The fake's own converters disagree on NetworkPolicies: none can be applied with them.
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithTypeConverters(managedfields.NewDeducedTypeConverter()).WithObjects(objects...).WithStatusSubresource(&v1alpha1.Tenant{}).
		WithInterceptorFuncs(w.recording()).Build()

	return w
}

// settle lets both reconcilers run until neither writes any more, and returns what was written.
func (w *world) settle() []string {
	w.t.Helper()
	w.writes = nil

	for range 20 {
		before := len(w.writes)
		w.pass()

		if len(w.writes) == before {
			return w.writes
		}
	}

	w.t.Fatalf("still writing after 20 passes: %v", w.writes[len(w.writes)-5:])

	return nil
}

// pass resolves the tree once and reconciles every tenant.
func (w *world) pass() {
	w.t.Helper()

	resolver := w.resolver()
	_, err := resolver.Reconcile(w.t.Context(), reconcile.Request{})
	require.NoError(w.t, err)

	asked(w.t, w.woken)

	var tenants v1alpha1.TenantList
	require.NoError(w.t, w.client.List(w.t.Context(), &tenants))

	for i := range tenants.Items {
		require.NoError(w.t, w.reconcile(client.ObjectKeyFromObject(&tenants.Items[i])))
	}
}

func (w *world) resolver() *resolver {
	return &resolver{
		reader: w.client, kinds: w.kinds, applications: w.client, tree: w.tree, tenants: w.woken,
		metrics: w.metrics,
	}
}

func (w *world) reconcile(key types.NamespacedName) error {
	one := w.reconciler()
	result, err := one.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: key})
	w.again[key] = result.RequeueAfter

	return err
}

func (w *world) tenant(namespace, name string) *v1alpha1.Tenant {
	w.t.Helper()

	var found v1alpha1.Tenant
	require.NoError(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &found))

	return &found
}

// change edits a tenant's spec, and its generation as a server would.
func (w *world) change(namespace, name string, edit func(*v1alpha1.TenantSpec)) {
	w.t.Helper()

	found := w.tenant(namespace, name)
	edit(&found.Spec)
	found.Generation++
	require.NoError(w.t, w.client.Update(w.t.Context(), found))
}

func (w *world) delete(namespace, name string) {
	w.t.Helper()
	require.NoError(w.t, w.client.Delete(w.t.Context(), w.tenant(namespace, name)))
}

func (w *world) isGone(namespace, name string) bool {
	w.t.Helper()

	return apierrors.IsNotFound(w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &v1alpha1.Tenant{}))
}

// namespace is nil if there is none of that name.
func (w *world) namespace(name string) *corev1.Namespace {
	w.t.Helper()

	var found corev1.Namespace

	err := w.client.Get(w.t.Context(), client.ObjectKey{Name: name}, &found)
	if apierrors.IsNotFound(err) {
		return nil
	}

	require.NoError(w.t, err)

	return &found
}

func (w *world) condition(namespace, name, kind string) metav1.Condition {
	w.t.Helper()

	found := meta.FindStatusCondition(w.tenant(namespace, name).Status.Conditions, kind)
	require.NotNil(w.t, found, "%s of %s/%s", kind, namespace, name)

	return *found
}

func (w *world) requireReason(namespace, name, kind string, status metav1.ConditionStatus, reason string) {
	w.t.Helper()

	found := w.condition(namespace, name, kind)
	require.Equal(w.t, [2]string{string(status), reason}, [2]string{string(found.Status), found.Reason},
		"%s of %s/%s: %s", kind, namespace, name, found.Message)
}

func made(namespace, name string, spec v1alpha1.TenantSpec) *v1alpha1.Tenant {
	return &v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Generation: 1, CreationTimestamp: metav1.Unix(1_700_000_000, 0),
		},
		Spec: spec,
	}
}

func madeAfter(seconds int, t *v1alpha1.Tenant) *v1alpha1.Tenant {
	t.CreationTimestamp = metav1.NewTime(t.CreationTimestamp.Add(time.Duration(seconds) * time.Second))

	return t
}

func madeRoot() *v1alpha1.Tenant {
	return made("tenant-root", "root", v1alpha1.TenantSpec{Host: "example.org"})
}

func plainNamespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}
