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

// doubtEtcd takes back a verdict that hangs on whether an application of the source stays on the destination's etcd, where nobody told:
// it is judged both ways.
func (o *looked) doubtEtcd(judged JudgedFlow, site *policy.Site, flow policy.Flow, port Port) JudgedFlow {
	if !o.isEtcdUnknown {
		return judged
	}

	staying := *flow.From.Tenant
	staying.KeptEtcd = append(slices.Clone(staying.KeptEtcd), flow.To.Namespace)
	flow.From.Tenant = &staying

	other := judge(site, flow, port)
	if judged.Allowed == nil || other.Allowed == nil || *judged.Allowed == *other.Allowed {
		return judged
	}

	judged.Allowed, judged.Why = nil, "it is allowed where an application of "+o.pod.Namespace+" stays on the etcd of "+flow.To.Namespace+
		"; the labels of the namespace say so, which an administrator of the platform may read"
	judged.Leaves.Open, judged.Enters.Open = nil, nil

	return judged
}
