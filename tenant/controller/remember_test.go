// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// A tenant with a host that none is given any more, from before that rule, keeps it: by its status, and then by the last pass.
func TestAHostFromBeforeARuleIsKeptThroughARestart(t *testing.T) {
	old := made("tenant-root", "a", v1alpha1.TenantSpec{Host: "shop-eu.example.org"})
	old.Status.Host = "shop-eu.example.org"
	old.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue}}
	w := newWorld(t, plainNamespace("tenant-root", nil), madeRoot(), old,
		made("tenant-root", "late", v1alpha1.TenantSpec{Host: "shop-us.example.org"}))

	for range 2 {
		w.settle()
		w.requireReason("tenant-root", "a", "Accepted", metav1.ConditionTrue, "Accepted")
		w.requireReason("tenant-root", "late", "Accepted", metav1.ConditionFalse, "HostReserved")
		require.Equal(t, "shop-eu.example.org", w.tenant("tenant-root", "a").Status.Host)

		w.tree = &tree{}
	}
}
