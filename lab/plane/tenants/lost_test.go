// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller"
)

// hasty is how many tenants are made and deleted at once. With 150, a few of them are deleted just when they get their finalizer.
const hasty = 150

// nothingIsLost deletes tenants when they are a few milliseconds old. The API server loses finalizers then, and with them the tenant:
// what was made for it has to go all the same.
func (w *world) nothingIsLost(t *testing.T) {
	w = w.inHaste(t)

	var group sync.WaitGroup

	for i := range hasty {
		group.Go(func() {
			one := unmade("tenant-root", fmt.Sprintf("lost%d", i), v1alpha1.TenantSpec{})
			if err := w.client.Create(t.Context(), one); err != nil {
				t.Errorf("create tenant %s: %v", one.Name, err)

				return
			}

			time.Sleep(time.Duration(i) * time.Millisecond)

			if err := w.client.Delete(t.Context(), one); err != nil {
				t.Errorf("delete tenant %s: %v", one.Name, err)
			}
		})
	}

	group.Wait()

	var left []string

	w.await(t, func() bool {
		left = w.leftOf(t, "lost")

		return len(left) == 0
	}, func() string { return "left behind: " + strings.Join(left, ", ") })
}

// leftOf are the tenants in the root whose names begin so, and the namespaces that were made for such.
func (w *world) leftOf(t *testing.T, prefix string) (left []string) {
	t.Helper()

	for key := range w.tenants(t) {
		if key.Namespace == "tenant-root" && strings.HasPrefix(key.Name, prefix) {
			left = append(left, "tenant "+key.Name)
		}
	}

	var namespaces corev1.NamespaceList
	require.NoError(t, w.client.List(t.Context(), &namespaces, client.HasLabels{controller.LabelTenantName}))

	for _, one := range namespaces.Items {
		if strings.HasPrefix(one.Labels[controller.LabelTenantName], prefix) {
			left = append(left, "namespace "+one.Name)
		}
	}

	return left
}
