// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

// keptPause is between two looks at an object that is being deleted and may have no volumes, which would tell by an event. Operators
// take seconds for that.
const keptPause = 10 * time.Second

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

// leftVolumes says what of a service that is gone is still there, its volumes above all, and deletes that where the loss of its data is
// accepted. The consent holds until nothing is left.
func (r *reconciler) leftVolumes(ctx context.Context, t *v1alpha1.Tenant, namespace string, service tenant.Service) (step, error) {
	claims := volumeClaims()

	err := r.client.List(ctx, claims, client.InNamespace(namespace), client.MatchingLabels(serviceLabels(service)))
	if err != nil {
		return step{}, fmt.Errorf("list the volumes of %s in %s: %w", service, namespace, err)
	}

	isAccepted := isNamedIn(t.Annotations[v1alpha1.AnnotationAcceptDataLoss], service)
	if len(claims.Items) == 0 && !isAccepted {
		return step{isDone: true}, nil // what has no volumes yet is heard of when it has
	}

	kept, err := r.keptObject(ctx, namespace, service)

	switch {
	case err != nil:
		return step{}, err
	case len(claims.Items) == 0 && kept == nil:
		return step{isDone: true}, r.useUp(ctx, t, v1alpha1.AnnotationAcceptDataLoss, service)
	case isAccepted:
		return r.clearLeft(ctx, claims, kept, namespace, service)
	}

	if err := r.rest(ctx, kept, service); err != nil {
		return step{}, err
	}

	runs := ""
	if kept != nil && runsOn(service) {
		runs = fmt.Sprintf(" and %s %s runs on", kept.GetKind(), kept.GetName())
	}

	return step{isDone: true, message: fmt.Sprintf("%s is turned off, its volumes stay: %s%s; to delete them, annotate the tenant with %s=%s",
		service, namesOf(claims), runs, v1alpha1.AnnotationAcceptDataLoss, service)}, nil
}

// clearLeft deletes what is left of a service. Volumes come with events; that an object is gone which has none is asked for.
func (r *reconciler) clearLeft(
	ctx context.Context, claims *metav1.PartialObjectMetadataList, kept *unstructured.Unstructured, namespace string, service tenant.Service,
) (step, error) {
	// Volumes in use do not go.
	if err := r.deleteKept(ctx, kept); err != nil {
		return step{}, err
	}

	if err := r.deleteClaims(ctx, claims, namespace, service); err != nil {
		return step{}, err
	}

	goes := step{isDone: true, message: fmt.Sprintf("%s is turned off, its volumes are being deleted: %s", service, namesOf(claims))}

	if kept != nil {
		goes.again = keptPause
	}

	if len(claims.Items) == 0 {
		goes.message = fmt.Sprintf("%s is turned off, %s %s is being deleted", service, kept.GetKind(), kept.GetName())
	}

	return goes, nil
}

// namesOf lists volumes, as a message does.
func namesOf(claims *metav1.PartialObjectMetadataList) string {
	names := make([]string, 0, len(claims.Items))
	for i := range claims.Items {
		names = append(names, claims.Items[i].Name)
	}

	slices.Sort(names)

	return firstOf(names, maxVolumes)
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
