// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// crdKind is that of CustomResourceDefinition.
func crdKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
}

// areApplications says whether the name of a CRD is that of a kind of applications, which are those of the group of tenants but
// for their own, or that of definitions.
func areApplications(crd string) bool {
	switch crd {
	case v1alpha1.TenantCRD, v1alpha1.TenantLimitsPlural + "." + v1alpha1.GroupVersion.Group:
		return false
	case definition.ApplicationDefinitionCRD:
		return true
	}

	return strings.HasSuffix(crd, "."+v1alpha1.GroupVersion.Group)
}

// areCiliums says whether the name of a CRD is that of a kind of Cilium's policies that the controller writes.
func areCiliums(crd string) bool { return slices.Contains(policy.CiliumCRDs(), crd) }

// kindIn is the kind that a CRD defines, in a version.
func kindIn(crd *unstructured.Unstructured, version string) schema.GroupVersionKind {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")

	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
}

// serves says whether the API server serves a version of a CRD.
func serves(crd *unstructured.Unstructured, version string) bool {
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	isServed := slices.ContainsFunc(versions, func(one any) bool {
		has, isMap := one.(map[string]any)

		return isMap && has["name"] == version && has["served"] == true
	})

	established := watch.Condition(crd, "Established")

	return isServed && established != nil && established.Status == metav1.ConditionTrue
}

// serviceKind is the kind that runs a service.
func serviceKind(service tenant.Service) schema.GroupVersionKind {
	return v1alpha1.GroupVersion.WithKind(service.Kind())
}

// definitionKind is that of definitions of applications.
func definitionKind() schema.GroupVersionKind {
	return definition.GroupVersion.WithKind(definition.ApplicationDefinitionKind)
}
