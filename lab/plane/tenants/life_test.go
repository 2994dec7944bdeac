// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func (w *world) oneOfFiftyIsAccepted(t *testing.T) {
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			one := &v1alpha1.Tenant{
				ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: fmt.Sprintf("host%d", i)},
				Spec:       v1alpha1.TenantSpec{Host: "shop.example.com"},
			}
			if err := w.client.Create(t.Context(), one); err != nil {
				t.Errorf("create %s: %v", one.Name, err)
			}
		})
	}

	group.Wait()

	reasons := map[string]int{}

	w.await(t, func() bool {
		clear(reasons)

		for i := range 50 {
			for _, condition := range w.get(t, "tenant-root", fmt.Sprintf("host%d", i)).Status.Conditions {
				if condition.Type == "Accepted" {
					reasons[condition.Reason]++
				}
			}
		}

		return reasons["Accepted"] == 1 && reasons["HostTaken"] == 49
	}, func() string { return fmt.Sprint("reasons: ", reasons) })

	var namespaces corev1.NamespaceList
	require.NoError(t, w.client.List(t.Context(), &namespaces, client.MatchingLabels{"cozystack.io/tenant-namespace": "tenant-root"}))

	var held []string

	for _, namespace := range namespaces.Items {
		if strings.HasPrefix(namespace.Name, "tenant-host") {
			held = append(held, namespace.Name)
		}
	}

	require.Len(t, held, 1, "nothing is made for a tenant that is not accepted")
	require.NoError(t, w.client.DeleteAllOf(t.Context(), &v1alpha1.Tenant{}, client.InNamespace("tenant-root"),
		client.MatchingFields{"metadata.name": w.labels(t, held[0])["cozystack.io/tenant-name"]}))
	w.awaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: held[0]}})

	// The host went on to the next, and so to the last.
	for i := range 50 {
		one := &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: fmt.Sprintf("host%d", i)}}
		require.NoError(t, client.IgnoreNotFound(w.client.Delete(t.Context(), one)))
	}

	for i := range 50 {
		w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: fmt.Sprintf("host%d", i)}})
		w.awaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("tenant-host%d", i)}})
	}
}

func (w *world) deletionGoesUp(t *testing.T) {
	w.delete(t, "tenant-root", "alpha")
	condition := w.awaitReason(t, "tenant-root", "alpha", "Ready", "ChildrenExist")
	require.Contains(t, condition.Message, "beta")
	require.Empty(t, w.labels(t, "tenant-alpha")["deleted"])

	w.delete(t, "tenant-alpha", "beta")
	w.awaitReason(t, "tenant-alpha", "beta", "Ready", "ChildrenExist")
	w.delete(t, "tenant-alpha-beta", "gamma")

	for _, name := range []string{"tenant-alpha-beta-gamma", "tenant-alpha-beta", "tenant-alpha"} {
		w.awaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}

	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "alpha"}})
}

func (w *world) rootStays(t *testing.T) {
	out, err := w.kubectl(t, "delete", "tenant", "root", "--namespace", "tenant-root", "--wait=false")
	require.Error(t, err, out)
	require.Contains(t, out, "the root tenant can't be deleted")

	// Should the policy be away, the controller holds on to it.
	out, err = w.kubectl(t, "delete", "validatingadmissionpolicybinding", "tenant-root.cozystack.io")
	require.NoError(t, err, out)
	w.await(t, func() bool {
		_, err := w.kubectl(t, "delete", "tenant", "root", "--namespace", "tenant-root", "--wait=false")

		return err == nil
	}, func() string { return "the policy still holds" })
	w.awaitReason(t, "tenant-root", "root", "Ready", "RootCannotBeDeleted")
	require.NotEmpty(t, w.labels(t, "tenant-root"))
}

func (w *world) restartWritesNothing(t *testing.T) {
	before := w.versions(t)
	w.stopController(t)
	w.startController(t)

	// A new tenant shows that the new process has gone through all the others: the first pass hands out everybody.
	w.create(t, "tenant-root", "fresh", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "fresh")
	w.delete(t, "tenant-root", "fresh")
	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "fresh"}})
	require.Equal(t, before, w.versions(t))
}
