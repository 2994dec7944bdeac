// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// maxVolumes bounds the volumes that a message names.
const maxVolumes = 10

// VolumeSelector selects the claims of volumes that are looked at: those of cluster services. A cache may hold only these.
func VolumeSelector() (labels.Selector, error) {
	kinds := make([]string, 0, tenant.ServiceCount)
	for _, service := range tenant.Services() {
		kinds = append(kinds, service.Kind())
	}

	isServices, err := labels.NewRequirement(application.LabelKind, selection.In, kinds)
	if err != nil {
		return nil, fmt.Errorf("select by label %s: %w", application.LabelKind, err)
	}

	return labels.NewSelector().Add(*isServices), nil
}

// volumeClaims is an empty list of what is kept of claims of volumes.
func volumeClaims() *metav1.PartialObjectMetadataList {
	return watch.MetadataList(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"))
}

// volumeClaim is an empty claim of which only the metadata is kept.
func volumeClaim() *metav1.PartialObjectMetadata {
	return watch.Metadata(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"))
}

// tenantAround is the tenant in whose namespace an object is.
func (t *tree) tenantAround(_ context.Context, object client.Object) []reconcile.Request {
	return requests(t.tenantWith(object.GetNamespace()))
}

// leftVolumes says which volumes of a service that is gone are still there, and deletes them where their loss is accepted.
func (r *reconciler) leftVolumes(ctx context.Context, t *v1alpha1.Tenant, namespace string, service tenant.Service) (step, error) {
	claims := volumeClaims()

	err := r.client.List(ctx, claims, client.InNamespace(namespace), client.MatchingLabels(serviceLabels(service)))
	if err != nil {
		return step{}, fmt.Errorf("list the volumes of %s in %s: %w", service, namespace, err)
	}

	if len(claims.Items) == 0 {
		return step{isDone: true}, r.useUp(ctx, t, v1alpha1.AnnotationAcceptDataLoss, service)
	}

	kept, err := r.keptObject(ctx, namespace, service)
	if err != nil {
		return step{}, err
	}

	names := make([]string, 0, len(claims.Items))
	for i := range claims.Items {
		names = append(names, claims.Items[i].Name)
	}

	slices.Sort(names)

	list := firstOf(names, maxVolumes)

	if !isNamedIn(t.Annotations[v1alpha1.AnnotationAcceptDataLoss], service) {
		runsOn := ""
		if kept != nil {
			runsOn = fmt.Sprintf(" and %s %s runs on", kept.Kind, kept.Name)
		}

		return step{isDone: true, message: fmt.Sprintf("%s is turned off, its volumes stay: %s%s; to delete them, annotate the tenant with %s=%s",
			service, list, runsOn, v1alpha1.AnnotationAcceptDataLoss, service)}, nil
	}

	// Volumes in use do not go.
	if err := r.deleteKept(ctx, kept); err != nil {
		return step{}, err
	}

	if err := r.deleteClaims(ctx, claims, namespace, service); err != nil {
		return step{}, err
	}

	return step{isDone: true, message: fmt.Sprintf("%s is turned off, its volumes are being deleted: %s", service, list)}, nil
}

func (r *reconciler) deleteClaims(ctx context.Context, claims *metav1.PartialObjectMetadataList, namespace string, service tenant.Service) error {
	for i := range claims.Items {
		claim := &claims.Items[i]
		if !claim.DeletionTimestamp.IsZero() {
			continue
		}

		err := r.client.Delete(ctx, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: claim.Name},
		}, client.Preconditions{UID: &claim.UID})
		if err = client.IgnoreNotFound(err); err != nil {
			return fmt.Errorf("delete volume %s in %s: %w", claim.Name, namespace, err)
		}

		r.log.InfoContext(ctx, "deleted a volume whose loss was accepted", "service", service.String(), "namespace", namespace, "claim", claim.Name)
	}

	return nil
}
