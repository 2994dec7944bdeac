// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// The policy has no namespace: it comes and goes under the controller's own rights, and with its tenant by the garbage collector.
func TestThePolicyOfServicesComesAndGoes(t *testing.T) {
	require.NoError(t, onRig(t.Context(), func(ctx context.Context, r *rig) error {
		for _, name := range []string{"kept", "left"} {
			if err := r.client.Create(ctx, runsEtcd(name)); err != nil {
				return err
			}

			if err := r.awaitPolicyOfServices(ctx, name, true); err != nil {
				return err
			}
		}

		off := client.RawPatch(types.MergePatchType, []byte(`{"spec": {"etcd": false}}`))
		if err := r.client.Patch(ctx, runsEtcd("kept"), off); err != nil {
			return err
		}

		if err := r.client.Delete(ctx, runsEtcd("left")); err != nil {
			return err
		}

		for _, name := range []string{"kept", "left"} {
			if err := r.awaitPolicyOfServices(ctx, name, false); err != nil {
				return err
			}
		}

		return nil
	}))
}

func runsEtcd(name string) *v1alpha1.Tenant {
	return &v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant.RootNamespace, Name: name}, Spec: v1alpha1.TenantSpec{Etcd: true},
	}
}

func (r *rig) awaitPolicyOfServices(ctx context.Context, of string, isThere bool) error {
	name := "cozystack-services-" + tenant.Namespace(tenant.RootNamespace, of)

	return wait.Until(ctx, wait.Check{
		Title: "the policy of services of " + of, Interval: 100 * time.Millisecond, Timeout: time.Minute,
		Probe: func(ctx context.Context) error {
			found := watch.Object(policy.GroupVersionCilium().WithKind(policy.KindCiliumClusterwide))

			err := r.client.Get(ctx, client.ObjectKey{Name: name}, found)
			if client.IgnoreNotFound(err) != nil {
				return err
			}

			if apierrors.IsNotFound(err) == isThere {
				return fmt.Errorf("policy %s: want it there %t, and it is not so", name, isThere)
			}

			return nil
		},
	})
}
