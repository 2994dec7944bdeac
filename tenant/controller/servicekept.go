// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// keptOf is an empty object of the kind that a service's chart leaves behind with the volumes, as its operator deletes them with it,
// under its name in a namespace. Nil: the chart leaves none.
func keptOf(service tenant.Service, namespace string) *unstructured.Unstructured {
	var (
		kind schema.GroupVersionKind
		name = service.String()
	)

	switch service {
	case tenant.Etcd:
		kind = schema.GroupVersionKind{Group: "etcd-operator.cozystack.io", Version: "v1alpha2", Kind: "EtcdCluster"}
	case tenant.SeaweedFS: // the Postgres with the names of objects, where it is in several zones
		kind = schema.GroupVersionKind{Group: "postgresql.cnpg.io", Version: "v1", Kind: "Cluster"}
	case tenant.Monitoring:
		kind, name = schema.GroupVersionKind{Group: "grafana.integreatly.org", Version: "v1beta1", Kind: "Grafana"}, "grafana"
	case tenant.Ingress:
		return nil
	}

	kept := watch.Object(kind)
	kept.SetNamespace(namespace)
	kept.SetName(name)

	return kept
}

// keptObject is what a service's chart left behind, past the cache, as few tenants have it. Nil: there is none.
func (r *reconciler) keptObject(ctx context.Context, namespace string, service tenant.Service) (*unstructured.Unstructured, error) {
	kept := keptOf(service, namespace)
	if kept == nil {
		return nil, nil
	}

	kind, name := kept.GetKind(), kept.GetName()

	err := r.live.Get(ctx, client.ObjectKeyFromObject(kept), kept)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("get %s %s in %s: %w", kind, name, namespace, err)
	}

	if !labels.SelectorFromSet(serviceLabels(service)).Matches(labels.Set(kept.GetLabels())) {
		return nil, nil // somebody else's
	}

	return kept, nil
}

// runsOn says whether what a kept object stands for runs while its service is off: a cluster's members hold each other's data. Grafana
// does not need to.
func runsOn(service tenant.Service) bool { return service != tenant.Monitoring }

// rest stops the pods of a kept object that does not run on. The chart says how many there are when it takes the object over again.
func (r *reconciler) rest(ctx context.Context, kept *unstructured.Unstructured, service tenant.Service) error {
	if kept == nil || runsOn(service) || !kept.GetDeletionTimestamp().IsZero() {
		return nil
	}

	replicas, isSaid, err := unstructured.NestedInt64(kept.Object, "spec", "deployment", "spec", "replicas")
	if err != nil {
		return fmt.Errorf("read how many pods %s %s in %s has: %w", kept.GetKind(), kept.GetName(), kept.GetNamespace(), err)
	}

	if isSaid && replicas == 0 {
		return nil
	}

	none := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"deployment":{"spec":{"replicas":0}}}}`))
	if err := client.IgnoreNotFound(r.client.Patch(ctx, kept, none, client.FieldOwner(FieldManager))); err != nil {
		return fmt.Errorf("stop the pods of %s %s in %s: %w", kept.GetKind(), kept.GetName(), kept.GetNamespace(), err)
	}

	r.log.InfoContext(ctx, "stopped what is left of a service", "kind", kept.GetKind(), "namespace", kept.GetNamespace())

	return nil
}

// deleteKept deletes what a service's chart left behind.
func (r *reconciler) deleteKept(ctx context.Context, kept *unstructured.Unstructured) error {
	if kept == nil || !kept.GetDeletionTimestamp().IsZero() {
		return nil
	}

	if err := r.remove(ctx, kept); err != nil {
		return err
	}

	r.log.InfoContext(ctx, "deleted what is left of a service whose loss of data was accepted",
		"kind", kept.GetKind(), "namespace", kept.GetNamespace())

	return nil
}
