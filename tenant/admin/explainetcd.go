// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// findEtcd looks at what statuses do not tell of etcds, where the pod has to do with one.
func (l looker) findEtcd(ctx context.Context, one *looked) error {
	return errors.Join(l.findEtcds(ctx, one), l.findStaying(ctx, one))
}

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

// findStaying says whether the etcd that a pod is of is still there though its tenant does not run it, which no status tells. Policies
// go by the same: cozy-controller keeps them as long as the object Etcd is there.
func (l looker) findStaying(ctx context.Context, one *looked) error {
	if one.pod.Labels[policy.LabelService] != policy.PartEtcd || one.peer.Tenant.HasEtcd() {
		return nil
	}

	etcds := l.objects.Resource(v1alpha1.GroupVersion.WithResource("etcds")).Namespace(one.pod.Namespace)

	_, err := etcds.Get(ctx, tenant.Etcd.String(), metav1.GetOptions{})

	switch {
	case isLack(err):
		one.isStayingUnknown = true
	case err == nil:
		one.peer.Tenant.StayingEtcd = true
	case !apierrors.IsNotFound(err): // neither the object nor its kind
		return fmt.Errorf("get Etcd %s in %s, to see whether that etcd is still there: %w", tenant.Etcd, one.pod.Namespace, err)
	}

	return nil
}
