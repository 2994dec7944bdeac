// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// Of two controllers one leads. Where the leader goes without a word the lease runs out before the other takes over, so that
// there are never two; where it is told to stop, it gives the lease back.
func (w *world) standbyTakesOver(t *testing.T) {
	w.awaitControllerReady(t, w.charts)

	address := freeAddress(t)
	standby := w.launchStandby(t, address)

	w.awaitControllerReady(t, address)

	held := w.lease(t)

	w.controller.kill(t)
	w.controller = standby

	last := w.lease(t) // nobody renews it now
	require.Equal(t, holder(held), holder(last))
	w.leads(t, "heir", last)

	now := w.lease(t)
	runsOut := last.Spec.RenewTime.Add(time.Duration(*last.Spec.LeaseDurationSeconds) * time.Second)
	require.False(t, now.Spec.AcquireTime.Time.Before(runsOut), "acquired at %v, held until %v", now.Spec.AcquireTime, runsOut)
	t.Logf("the lease was taken %v after it had run out", now.Spec.AcquireTime.Sub(runsOut))
	w.awaitControllerReady(t, address)

	next := w.launchStandby(t, w.charts)

	w.awaitControllerReady(t, w.charts)

	told := time.Now()

	w.stopController(t)

	w.controller = next

	stopped, before := time.Now(), w.lease(t)
	require.NotEqual(t, holder(now), holder(before), "the lease was not given back")
	w.leads(t, "heiress", now)
	t.Logf("stopped in %v, the next one leads %v later", stopped.Sub(told), w.lease(t).Spec.AcquireTime.Sub(stopped))
}

// launchStandby has the program end with a test that fails: without a plane one that does not lead waits for ever.
func (w *world) launchStandby(t *testing.T, charts string) *process {
	t.Helper()

	p := w.launch(t, charts)

	t.Cleanup(func() {
		if t.Failed() && w.controller != p {
			_ = p.cmd.Process.Kill() // it may have ended before
		}
	})

	return p
}

// leads waits until another controller than that of a lease leads, and has it bring a tenant up and down.
func (w *world) leads(t *testing.T, name string, before *coordinationv1.Lease) {
	t.Helper()
	w.create(t, "tenant-root", name, v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", name)
	require.NotEqual(t, holder(before), holder(w.lease(t)))
	w.delete(t, "tenant-root", name)
	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: name}})
}

func (w *world) lease(t *testing.T) *coordinationv1.Lease {
	t.Helper()

	lease := &coordinationv1.Lease{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: "cozy-controller"}, lease))

	return lease
}

// holder is empty where the lease was given back.
func holder(lease *coordinationv1.Lease) string { return ptr.Deref(lease.Spec.HolderIdentity, "") }
