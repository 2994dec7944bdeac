// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func (w *world) oneOfFiftyGetsTheHost(t *testing.T) {
	spec := v1alpha1.TenantSpec{Host: "fifty.example.com"}
	made := w.createAtOnce(t, "tenant-root", spec)
	held := w.awaitOneAccepted(t, "tenant-root", made, "HostTaken")
	w.delete(t, "tenant-root", held)

	// The host goes on to the next, and so to the last.
	if len(made) > 1 {
		w.awaitGone(t, unmade("tenant-root", held, spec))

		rest := slices.DeleteFunc(slices.Clone(made), func(name string) bool { return name == held })
		w.awaitOneAccepted(t, "tenant-root", rest, "HostTaken")
	}

	w.deleteAll(t, "tenant-root", made)
}

func (w *world) oneOfFiftyGetsTheQuota(t *testing.T) {
	w.create(t, "tenant-root", "pool", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "10")})
	w.awaitReady(t, "tenant-root", "pool")

	made := w.createAtOnce(t, "tenant-pool", v1alpha1.TenantSpec{ResourceQuotas: bounded("cpu", "6")})
	w.awaitOneAccepted(t, "tenant-pool", made, "QuotaExceeded")
	w.deleteAll(t, "tenant-pool", made)
	w.awaitChildless(t, "tenant-root", "pool")
	w.deleteAll(t, "tenant-root", []string{"pool"})
}

// createAtOnce makes fifty tenants that want the same, and returns those that admission let in.
func (w *world) createAtOnce(t *testing.T, namespace string, spec v1alpha1.TenantSpec) []string {
	t.Helper()

	var (
		group sync.WaitGroup
		mu    sync.Mutex
		made  []string
	)

	for i := range 50 {
		group.Go(func() {
			one := unmade(namespace, fmt.Sprintf("want%d", i), spec)
			err := w.client.Create(t.Context(), one)

			mu.Lock()
			defer mu.Unlock()

			switch {
			case err == nil:
				made = append(made, one.Name)
			case !apierrors.IsInvalid(err):
				t.Errorf("create %s: %v", one.Name, err)
			}
		})
	}

	group.Wait()
	t.Logf("%d of 50 were let in", len(made))

	return made
}

// awaitOneAccepted waits until one tenant is accepted and the others are refused for a reason, and returns the one.
func (w *world) awaitOneAccepted(t *testing.T, namespace string, names []string, reason string) string {
	t.Helper()

	reasons := map[string]int{}

	w.await(t, func() bool {
		clear(reasons)

		for _, name := range names {
			for _, condition := range w.get(t, namespace, name).Status.Conditions {
				if condition.Type == v1alpha1.ConditionAccepted {
					reasons[condition.Reason]++
				}
			}
		}

		return reasons["Accepted"] == 1 && reasons[reason] == len(names)-1
	}, func() string { return fmt.Sprint("reasons: ", reasons) })

	var namespaces corev1.NamespaceList
	require.NoError(t, w.client.List(t.Context(), &namespaces, client.MatchingLabels{"cozystack.io/tenant-namespace": namespace}))

	var held []string

	for _, one := range namespaces.Items {
		if name := one.Labels["cozystack.io/tenant-name"]; strings.HasPrefix(name, "want") && one.DeletionTimestamp.IsZero() {
			held = append(held, name)
		}
	}

	require.Len(t, held, 1, "nothing is made for a tenant that is not accepted")

	return held[0]
}

// awaitChildless waits until the controller has counted that no tenant is below one any more: until then its deletion takes consent.
func (w *world) awaitChildless(t *testing.T, namespace, name string) {
	t.Helper()
	w.await(t, func() bool { return w.get(t, namespace, name).Status.Children == 0 }, func() string { return "tenants below " + name + " are still counted" })
}

func (w *world) deleteAll(t *testing.T, namespace string, names []string) {
	t.Helper()

	for _, name := range names {
		require.NoError(t, client.IgnoreNotFound(w.client.Delete(t.Context(), unmade(namespace, name, v1alpha1.TenantSpec{}))))
	}

	for _, name := range names {
		w.awaitGone(t, unmade(namespace, name, v1alpha1.TenantSpec{}))
	}
}
