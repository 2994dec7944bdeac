// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// Leaving is what goes when a tenant is deleted.
type Leaving struct {
	Namespace string `json:"namespace"`
	// Tenants are the namespaces of the tenant and of all below it, it first.
	Tenants []string `json:"tenants"`
	// Applications and Services are the objects in them.
	Applications []Ordered `json:"applications"`
	Services     []Ordered `json:"services"`
	// Volumes are the claims in them, with all that is on them.
	Volumes []Volume `json:"volumes"`
	// Release is the HelmRelease that makes the tenant, and will make it again. Empty: none does, or the client may not look.
	Release string `json:"release,omitempty"`
}

// Ordered is an object that somebody ordered.
type Ordered struct {
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
}

// Volume is a claim.
type Volume struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Size      string `json:"size"`
}

// RootError says that the root was to be deleted.
type RootError struct{}

func (*RootError) Error() string { return "the root tenant can't be deleted: it is the cluster's own" }

// Hint is the next step.
func (*RootError) Hint() string {
	return "delete the tenants below it one by one: cozy-install tenant tree"
}

// PlanDeletion says what goes with a tenant. The error is a *RootError for the root.
func PlanDeletion(
	ctx context.Context, typed kubernetes.Interface, client dynamic.Interface, tenants []v1alpha1.Tenant, t *v1alpha1.Tenant,
) (Leaving, error) {
	if t.Namespace == tenant.RootNamespace && t.Name == tenant.RootName {
		return Leaving{}, &RootError{}
	}

	leaving := Leaving{Namespace: cmp.Or(t.Status.Namespace, t.Name), Tenants: subtree(tenants, t)}

	if err := leaving.findOrdered(ctx, typed, client); err != nil {
		return Leaving{}, err
	}

	err := inEach(leaving.Tenants, func(namespace string) error {
		claims, err := typed.CoreV1().PersistentVolumeClaims(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("list volumes: %w", err)
		}

		for i := range claims.Items {
			claim := &claims.Items[i]
			if slices.Contains(leaving.Tenants, claim.Namespace) {
				leaving.Volumes = append(leaving.Volumes, Volume{claim.Namespace, claim.Name, claim.Spec.Resources.Requests.Storage().String()})
			}
		}

		return nil
	})
	if err != nil {
		return Leaving{}, err
	}

	leaving.Release, err = releaseOf(ctx, client, t)

	return leaving, err
}

// subtree is the namespaces of a tenant and of all below it, each before those below it. One without a namespace has nothing.
func subtree(tenants []v1alpha1.Tenant, t *v1alpha1.Tenant) []string {
	var all []string
	if t.Status.Namespace != "" {
		all = append(all, t.Status.Namespace)
	}

	for i := 0; i < len(all); i++ {
		for j := range tenants {
			child := tenants[j].Status.Namespace
			if tenants[j].Namespace == all[i] && child != "" && !slices.Contains(all, child) {
				all = append(all, child)
			}
		}
	}

	return all
}

// findOrdered lists all kinds of apps.cozystack.io, applications and cluster services.
func (l *Leaving) findOrdered(ctx context.Context, typed kubernetes.Interface, client dynamic.Interface) error {
	return eachOrdered(ctx, typed, client, l.Tenants, func(kind string, object *unstructured.Unstructured) {
		one := Ordered{object.GetNamespace(), kind, object.GetName()}
		_, isService := tenant.ServiceOf(one.Kind)

		switch {
		case !slices.Contains(l.Tenants, one.Namespace):
		case isService:
			l.Services = append(l.Services, one)
		default:
			l.Applications = append(l.Applications, one)
		}
	})
}

// releaseOf is the HelmRelease that makes a tenant, by the name that such releases have.
func releaseOf(ctx context.Context, client dynamic.Interface, t *v1alpha1.Tenant) (string, error) {
	releases := schema.GroupVersionResource{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"}
	name := "tenant-" + t.Name

	_, err := client.Resource(releases).Namespace(t.Namespace).Get(ctx, name, metav1.GetOptions{})

	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err): // users of tenants have no rights in Flux's objects
		return "", nil
	case err != nil:
		return "", fmt.Errorf("get HelmRelease %s in %s: %w", name, t.Namespace, err)
	}

	return t.Namespace + "/" + name, nil
}

// Delete agrees to the deletion of a tenant with all below it, and begins it. It does both to this very tenant, and nothing to
// another that has got its name meanwhile. One that is gone is no error. The error is a *LevelError where the client may not.
func Delete(ctx context.Context, client dynamic.Interface, t *v1alpha1.Tenant) error {
	tenants := client.Resource(v1alpha1.GroupVersion.WithResource(v1alpha1.TenantPlural)).Namespace(t.Namespace)

	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": t.UID, "annotations": map[string]string{v1alpha1.AnnotationConfirmDelete: t.Name},
	}})
	if err != nil {
		return fmt.Errorf("write the consent to delete tenant %s: %w", t.Name, err)
	}

	_, err = tenants.Patch(ctx, t.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "cozy-install"})
	if err != nil && !apierrors.IsNotFound(err) {
		return needs(err, tenant.SuperAdmin, t.Namespace, fmt.Sprintf("agree to delete tenant %s in namespace %s", t.Name, t.Namespace))
	}

	err = tenants.Delete(ctx, t.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &t.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return needs(err, tenant.SuperAdmin, t.Namespace, fmt.Sprintf("delete tenant %s in namespace %s", t.Name, t.Namespace))
	}

	return nil
}

// Waiting is a tenant that is being deleted and what it waits for, as its controller says.
type Waiting struct {
	Namespace string `json:"namespace"`
	Reason    string `json:"reason"`
	Message   string `json:"message"`
}

// Remaining says whether a tenant is gone, how many of the namespaces' tenants are left, and what those wait for that do not wait
// for others of them.
func Remaining(
	ctx context.Context, client dynamic.Interface, t *v1alpha1.Tenant, namespaces []string,
) (isGone bool, left int, waiting []Waiting, err error) {
	seen, err := See(ctx, client, t.Namespace)
	if err != nil {
		return false, 0, nil, err
	}

	isGone = true

	for i := range seen.Tenants {
		one := &seen.Tenants[i]
		if one.UID == t.UID && one.Namespace == t.Namespace && one.Name == t.Name {
			isGone = false
		} else if !slices.Contains(namespaces, one.Status.Namespace) {
			continue
		}

		left++

		deleting := meta.FindStatusCondition(one.Status.Conditions, v1alpha1.ConditionDeleting)
		if deleting != nil && deleting.Reason != "DeletingTenants" {
			waiting = append(waiting, Waiting{one.Status.Namespace, deleting.Reason, deleting.Message})
		}
	}

	return isGone, left, waiting, nil
}
