// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// makeCiliumKinds makes the kinds of policies known, which may hold anything here: Cilium's operator brings them elsewhere.
func (r *rig) makeCiliumKinds(ctx context.Context) error {
	for kind, names := range map[string]struct{ plural, scope string }{
		policy.KindCilium:            {"ciliumnetworkpolicies", "Namespaced"},
		policy.KindCiliumClusterwide: {"ciliumclusterwidenetworkpolicies", "Cluster"},
	} {
		of := policy.GroupVersionCilium()
		crd := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": names.plural + "." + of.Group},
			"spec": map[string]any{
				"group": of.Group, "scope": names.scope,
				"names": map[string]any{"kind": kind, "plural": names.plural, "singular": strings.ToLower(kind)},
				"versions": []any{map[string]any{
					"name": of.Version, "served": true, "storage": true,
					"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
				}},
			},
		}}

		if err := r.client.Create(ctx, crd); err != nil {
			return fmt.Errorf("make the kind %s known: %w", kind, err)
		}
	}

	return nil
}

// makeHelmReleases makes that kind known, as Flux has it.
func (r *rig) makeHelmReleases(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(r.plane.Tools().FluxCRDs, "*.yaml"))
	if err != nil {
		return err
	}

	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}

		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &object.Object); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}

		if object.GetName() == "helmreleases.helm.toolkit.fluxcd.io" {
			return r.client.Create(ctx, object)
		}
	}

	return errors.New("the CRDs of Flux have no HelmRelease")
}

// objects is how many objects the controller's caches hold of tenants, of what it made for them, and of applications.
func (r *rig) objects(ctx context.Context, more ...schema.GroupVersionKind) (int, error) {
	ours := client.MatchingLabels(controller.ManagedLabels())
	sum := 0

	for _, one := range slices.Concat([]counting{
		{v1alpha1.GroupVersion.WithKind("Tenant"), nil},
		{v1alpha1.GroupVersion.WithKind("TenantLimits"), nil},
		{corev1.SchemeGroupVersion.WithKind("Namespace"), nil},
		{corev1.SchemeGroupVersion.WithKind("ServiceAccount"), ours},
		{corev1.SchemeGroupVersion.WithKind("ResourceQuota"), ours},
		{corev1.SchemeGroupVersion.WithKind("LimitRange"), ours},
		{rbacv1.SchemeGroupVersion.WithKind("Role"), ours},
		{rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), ours},
		{rbacv1.SchemeGroupVersion.WithKind("ClusterRole"), ours},
		{rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"), ours},
		{networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), ours},
		{policy.GroupVersionCilium().WithKind(policy.KindCilium), ours},
		{policy.GroupVersionCilium().WithKind(policy.KindCiliumClusterwide), ours},
	}, countings(more)) {
		count, err := r.count(ctx, one)
		if err != nil {
			return 0, err
		}

		sum += count
	}

	return sum, nil
}

// counting is what is counted of a kind. Nil labels: all.
type counting struct {
	kind   schema.GroupVersionKind
	labels client.MatchingLabels
}

func countings(kinds []schema.GroupVersionKind) (all []counting) {
	for _, kind := range kinds {
		all = append(all, counting{kind: kind})
	}

	return all
}

func (r *rig) count(ctx context.Context, of counting) (int, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(of.kind.GroupVersion().WithKind(of.kind.Kind + "List"))

	if err := r.client.List(ctx, list, of.labels); err != nil {
		return 0, fmt.Errorf("count objects of kind %s: %w", of.kind.Kind, err)
	}

	return len(list.Items), nil
}
