// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// serviceLabels are on all that runs a service, in the namespace of its tenant.
func serviceLabels(service tenant.Service) map[string]string {
	return map[string]string{
		application.LabelGroup: v1alpha1.GroupVersion.Group, application.LabelKind: service.Kind(), application.LabelName: service.String(),
	}
}

// keptOf is an empty object of the kind that a service's chart leaves behind with the volumes, as its operator deletes them with it;
// what it stands for runs on. Nil: the chart leaves none.
func keptOf(service tenant.Service) *metav1.PartialObjectMetadata {
	var kind schema.GroupVersionKind

	switch service {
	case tenant.Etcd:
		kind = schema.GroupVersionKind{Group: "etcd-operator.cozystack.io", Version: "v1alpha2", Kind: "EtcdCluster"}
	case tenant.SeaweedFS: // the Postgres with the names of objects, where it is in several zones
		kind = schema.GroupVersionKind{Group: "postgresql.cnpg.io", Version: "v1", Kind: "Cluster"}
	case tenant.Monitoring, tenant.Ingress:
		return nil
	}

	return watch.Metadata(kind)
}

// keptObject is what a service's chart left behind, past the cache, as few tenants have it. Nil: there is none.
func (r *reconciler) keptObject(ctx context.Context, namespace string, service tenant.Service) (*metav1.PartialObjectMetadata, error) {
	kept := keptOf(service)
	if kept == nil {
		return nil, nil
	}

	kind := kept.GetObjectKind().GroupVersionKind()

	err := r.live.Get(ctx, serviceKey(service, namespace), kept)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("get %s %s in %s: %w", kind.Kind, service, namespace, err)
	}

	if !labels.SelectorFromSet(serviceLabels(service)).Matches(labels.Set(kept.Labels)) {
		return nil, nil // somebody else's
	}

	kept.SetGroupVersionKind(kind)

	return kept, nil
}

// deleteKept deletes what a service's chart left behind.
func (r *reconciler) deleteKept(ctx context.Context, kept *metav1.PartialObjectMetadata) error {
	if kept == nil || !kept.DeletionTimestamp.IsZero() {
		return nil
	}

	if err := r.remove(ctx, kept); err != nil {
		return err
	}

	r.log.InfoContext(ctx, "deleted what ran a service whose loss of data was accepted", "kind", kept.Kind, "namespace", kept.Namespace)

	return nil
}
