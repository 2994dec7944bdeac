// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// findEtcds adds the etcds on which the tenant's applications stay. Only the labels of its namespace tell them, and only pods that
// are let to etcd need them.
func (l looker) findEtcds(ctx context.Context, one *looked) error {
	if one.pod.Labels[policy.LabelAllowToEtcd] != "true" {
		return nil
	}

	namespace, err := l.client.CoreV1().Namespaces().Get(ctx, one.pod.Namespace, metav1.GetOptions{})
	if isLack(err) {
		one.isEtcdUnknown = true

		return nil
	}

	if err != nil {
		return fmt.Errorf("get namespace %s, to see which etcd its pods may reach: %w", one.pod.Namespace, err)
	}

	for _, key := range slices.Sorted(maps.Keys(namespace.Labels)) {
		etcd, isEtcd := strings.CutPrefix(key, tenant.EtcdLabel)
		if isEtcd && etcd != one.peer.Tenant.Services[tenant.Etcd].Namespace {
			one.peer.Tenant.KeptEtcd = append(one.peer.Tenant.KeptEtcd, etcd)
		}
	}

	return nil
}
