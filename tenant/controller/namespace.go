// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// The labels that say which Tenant a namespace was made for. Only the platform may write labels of namespaces, so they can
// be trusted.
const (
	LabelTenantNamespace = "cozystack.io/tenant-namespace"
	LabelTenantName      = "cozystack.io/tenant-name"
	// LabelDeleting is on the namespace of a tenant that is being deleted. Admission lets nothing more be ordered there.
	LabelDeleting = "cozystack.io/deleting"
	// LabelFresh is on the namespace of a tenant that was not seen again since the namespace was made: see takeDownLost.
	LabelFresh     = "cozystack.io/fresh"
	labelManagedBy = "app.kubernetes.io/managed-by"
)

// step is how far one step of bringing a tenant up has come, as its condition tells it.
type step struct {
	// condition is the type of the condition. The step does not fill it in.
	condition       string
	isDone          bool
	reason, message string
	// retry is what failed and is tried again, after the condition has told it. Nil: what is waited for comes with an event.
	retry error
	// again is how soon to look anew at what is waited for and comes with no event. Zero: it comes with one.
	again time.Duration
}

// ensureNamespace makes the tenant's namespace, or gives it the labels it should have. One that is there and was not made
// for this tenant is left alone, but for the root's, which is made before the root.
func (r *reconciler) ensureNamespace(ctx context.Context, t *v1alpha1.Tenant, resolved tenant.Resolved) (step, error) {
	labels := resolved.Labels()
	labels[labelManagedBy] = FieldManager
	labels[LabelTenantNamespace] = t.Namespace
	labels[LabelTenantName] = t.Name

	namespace, isNew, err := r.getOrCreateNamespace(ctx, resolved.Namespace, fresh(labels))
	if err != nil {
		return step{}, err
	}

	// What was found without it is from before this tenant, or was seen since.
	if _, isFresh := namespace.Labels[LabelFresh]; isFresh && t.Status.Namespace == "" {
		labels = fresh(labels)
	}

	switch {
	case isNew:
		r.log.InfoContext(ctx, "made the namespace of a tenant", "tenant", resolved.Tenant.String(), "namespace", resolved.Namespace)
	case !namespace.DeletionTimestamp.IsZero():
		return step{reason: "NamespaceTerminating", message: fmt.Sprintf("namespace %s is being deleted%s; it is made again when it is gone",
			namespace.Name, remains(namespace))}, nil
	case !isMadeFor(namespace, t) && resolved.Level() > 0:
		return step{reason: "NamespaceForeign", message: fmt.Sprintf(
			"namespace %s is there and was not made for this tenant; delete it, or give the tenant another name", namespace.Name)}, nil
	default:
		if err := r.label(ctx, namespace, labels); err != nil {
			return step{}, err
		}
	}

	return step{isDone: true, reason: "NamespaceReady"}, nil
}

// fresh adds the label of a namespace whose tenant was not seen since it was made.
func fresh(labels map[string]string) map[string]string {
	labels = maps.Clone(labels)
	labels[LabelFresh] = "true"

	return labels
}

// getOrCreateNamespace reads the namespace from the cache and creates it if it is not there. It is created, not applied:
// where the cache is behind, an apply would take over a namespace that somebody else has just made.
func (r *reconciler) getOrCreateNamespace(
	ctx context.Context, name string, labels map[string]string,
) (namespace *corev1.Namespace, isNew bool, err error) {
	namespace = &corev1.Namespace{}

	err = r.client.Get(ctx, client.ObjectKey{Name: name}, namespace)
	if err == nil {
		return namespace, false, nil
	}

	if !apierrors.IsNotFound(err) {
		return nil, false, fmt.Errorf("get namespace %s: %w", name, err)
	}

	namespace = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}

	err = r.client.Create(ctx, namespace, client.FieldOwner(FieldManager))
	if err == nil {
		return namespace, true, nil
	}

	if !apierrors.IsAlreadyExists(err) {
		return nil, false, fmt.Errorf("create namespace %s: %w", name, err)
	}

	namespace = &corev1.Namespace{}
	if err := r.live.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return nil, false, fmt.Errorf("get namespace %s past the cache: %w", name, err)
	}

	return namespace, false, nil
}

// label brings the namespace's labels to what they should be in one write, and takes off those of ancestors, services, deletion and
// freshness that no longer hold, whoever put them there: policies trust them. The UID makes it a conflict where the namespace was replaced
// since it was read.
func (r *reconciler) label(ctx context.Context, namespace *corev1.Namespace, wanted map[string]string) error {
	changes := labelChanges(namespace.Labels, wanted)
	if len(changes) == 0 {
		return nil
	}

	if err := r.patchLabels(ctx, namespace, changes); err != nil {
		return fmt.Errorf("label namespace %s: %w", namespace.Name, err)
	}

	return nil
}

// patchLabels writes labels of this very namespace: nil takes one off (RFC 7386).
func (r *reconciler) patchLabels(ctx context.Context, namespace *corev1.Namespace, changes map[string]any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": namespace.UID, "labels": changes}})
	if err != nil {
		return err
	}

	return r.client.Patch(ctx, namespace.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldManager))
}

// labelChanges are the values of labels that are to be set, and nil for those to be taken off.
func labelChanges(found, wanted map[string]string) map[string]any {
	changes := map[string]any{}

	for key, value := range wanted {
		if has, isThere := found[key]; !isThere || has != value {
			changes[key] = value
		}
	}

	for key := range found {
		_, isWanted := wanted[key]
		if !isWanted && (isTrusted(key) || key == LabelDeleting || key == LabelFresh) {
			changes[key] = nil
		}
	}

	return changes
}

// isTrusted says whether policies go by a label of a namespace.
func isTrusted(key string) bool {
	for _, trusted := range []string{tenant.AncestorLabel, tenant.ServiceLabel, tenant.EtcdLabel} {
		if strings.HasPrefix(key, trusted) {
			return true
		}
	}

	return false
}

// isMadeFor says whether the namespace carries the marks of this tenant.
func isMadeFor(namespace *corev1.Namespace, t *v1alpha1.Tenant) bool {
	marked, isMarked := markedTenant(namespace)

	return isMarked && marked == client.ObjectKeyFromObject(t)
}

// markedTenant is the tenant a namespace was made for.
func markedTenant(namespace client.Object) (types.NamespacedName, bool) {
	labels := namespace.GetLabels()
	key := types.NamespacedName{Namespace: labels[LabelTenantNamespace], Name: labels[LabelTenantName]}

	return key, key.Namespace != "" && key.Name != ""
}
