// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// The tenants are alpha, beta in it, which runs monitoring, and gamma in that.
func (w *world) servicesFollowFlags(t *testing.T) {
	w.serveServices(t)
	w.awaitReason(t, "tenant-alpha", "beta", "ServicesReady", "ServiceNotReady")
	require.Equal(t, map[string]any{}, w.service(t, "tenant-alpha-beta", tenant.Monitoring).Object["spec"])

	w.saysReady(t, "tenant-alpha-beta", tenant.Monitoring)
	w.awaitReady(t, "tenant-alpha", "beta")
	w.await(t, func() bool { return w.get(t, "tenant-alpha-beta", "gamma").Status.Services.Monitoring.Ready },
		func() string { return "who inherits a service does not hear that it is ready" })

	out, err := w.kubectl(t, "delete", "monitorings", "monitoring", "--namespace", "tenant-alpha-beta", "--wait=false")
	require.Error(t, err)
	require.Contains(t, out, `metadata.name: "monitoring": a cluster service is made and deleted with the flag of its tenant`)
	out, err = w.apply(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Etcd", "metadata": {"namespace": "tenant-alpha", "name": "etcd"}}`)
	require.Error(t, err)
	require.Contains(t, out, "change its spec, or set spec.etcd of the tenant whose namespace is")

	out, err = w.kubectl(t, "patch", "tenant", "beta", "--namespace", "tenant-alpha", "--type=merge", "-p", `{"spec": {"monitoring": false}}`)
	require.Error(t, err)
	require.Contains(t, out, `spec.monitoring: "false": 1 depend on it: tenant-alpha-beta-gamma;`)
}

func (w *world) specsAreTheirUsers(t *testing.T) {
	out, err := w.kubectl(t, "patch", "monitorings", "monitoring", "--namespace", "tenant-alpha-beta", "--type=merge", "-p", `{"spec": {"replicas": 5}}`)
	require.NoError(t, err, out)
	w.awaitReason(t, "tenant-alpha", "beta", "ServicesReady", "ServiceNotReady")
	w.saysReady(t, "tenant-alpha-beta", tenant.Monitoring)
	w.awaitReady(t, "tenant-alpha", "beta")

	version := w.service(t, "tenant-alpha-beta", tenant.Monitoring).GetResourceVersion()
	// Each is looked at before the next comes: many changes at once would be one look.
	for i := range 100 {
		looks := w.reconciles(t)
		w.annotate(t, "tenant-alpha", "beta", map[string]string{"test": fmt.Sprint(i)})
		w.await(t, func() bool { return w.reconciles(t) > looks }, func() string { return "the controller does not look at what was changed" })
	}

	after := w.service(t, "tenant-alpha-beta", tenant.Monitoring)
	require.Equal(t, map[string]any{"replicas": int64(5)}, after.Object["spec"])
	require.Equal(t, version, after.GetResourceVersion(), "nobody wrote it")
}

func (w *world) flagsGoInEveryOrder(t *testing.T) {
	w = w.inHaste(t)
	turn := func(service tenant.Service, on bool) {
		w.change(t, "tenant-root", "alpha", func(spec *v1alpha1.TenantSpec) {
			for flag, at := range map[tenant.Service]*bool{
				tenant.Etcd: &spec.Etcd, tenant.Monitoring: &spec.Monitoring, tenant.Ingress: &spec.Ingress, tenant.SeaweedFS: &spec.SeaweedFS,
			} {
				if flag == service {
					*at = on
				}
			}
		})
	}
	every := func(holds func(tenant.Service) bool) func() bool {
		return func() bool {
			for _, service := range tenant.Services() {
				if !holds(service) {
					return false
				}
			}

			return true
		}
	}

	for i, order := range orders(tenant.Services()) {
		for _, service := range order {
			turn(service, true)
		}

		w.await(t, every(func(service tenant.Service) bool {
			object := w.service(t, "tenant-alpha", service)

			return object != nil && len(object.GetAnnotations()) == 0
		}), func() string { return fmt.Sprint("services do not come, on in the order ", order) })
		require.Empty(t, w.saved(t, "tenant-alpha"))

		for _, service := range tenant.Services() {
			object := w.service(t, "tenant-alpha", service)
			if i > 0 {
				require.Equal(t, map[string]any{"of": service.String()}, object.Object["spec"], "as its user left it")

				continue
			}

			require.Equal(t, map[string]any{}, object.Object["spec"])
			object.Object["spec"] = map[string]any{"of": service.String()}
			require.NoError(t, w.client.Update(t.Context(), object))
		}

		// Beta and gamma depend on most of them, all the time, and each consent is for once.
		w.annotate(t, "tenant-root", "alpha", map[string]string{"cozystack.io/force-disable": "etcd, monitoring, ingress, seaweedfs"})

		for _, service := range order {
			turn(service, false)
		}

		w.await(t, every(func(service tenant.Service) bool { return w.service(t, "tenant-alpha", service) == nil }),
			func() string { return fmt.Sprint("services do not go, off in the order ", order) })
		require.Len(t, w.saved(t, "tenant-alpha"), tenant.ServiceCount)
	}

	w.awaitReady(t, "tenant-root", "alpha")
	w.await(t, func() bool { return w.get(t, "tenant-alpha", "beta").Status.Services.Etcd.Source == "none" },
		func() string { return "beta still has the etcd of alpha" })
}

func (w *world) volumesStay(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-alpha", Name: "data-etcd-0", Labels: map[string]string{
			"apps.cozystack.io/application.kind": "Etcd", "apps.cozystack.io/application.name": "etcd",
			"apps.cozystack.io/application.group": "apps.cozystack.io",
		}},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
	require.NoError(t, w.client.Create(t.Context(), claim))
	w.await(t, func() bool {
		for _, condition := range w.get(t, "tenant-root", "alpha").Status.Conditions {
			if condition.Type == "ServicesReady" && strings.Contains(condition.Message, "its volumes stay: data-etcd-0;") {
				return condition.Status == metav1.ConditionTrue
			}
		}

		return false
	}, func() string { return "volumes that are left are not told" })

	w.annotate(t, "tenant-root", "alpha", map[string]string{"cozystack.io/accept-data-loss": "etcd"})
	w.await(t, func() bool { // what protects claims may keep it for a while
		err := w.client.Get(t.Context(), client.ObjectKeyFromObject(claim), claim)

		return apierrors.IsNotFound(err) || err == nil && !claim.DeletionTimestamp.IsZero()
	}, func() string { return "a volume whose loss is accepted stays" })
}

func (w *world) kindsGo(t *testing.T) {
	for _, service := range tenant.Services() {
		out, err := w.kubectl(t, "delete", "crd", plural(service)+".apps.cozystack.io")
		require.NoError(t, err, out)
	}

	condition := w.awaitReason(t, "tenant-alpha", "beta", "ServicesReady", "KindNotPublished")
	require.Contains(t, condition.Message, "monitoring can't run, as kind Monitoring is not there")
}
