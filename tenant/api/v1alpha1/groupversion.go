// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the resource types of apps.cozystack.io/v1alpha1. Group, kind and fields have the names that users
// of the reference platform know.
//
// It is data only: what follows from a Tenant's place in the tree is said by package tenant, and brought about by
// tenant/controller. Kinds of applications and of cluster services are no types: they are made at run time, from
// ApplicationDefinitions (tenant/api/definition/v1alpha1).
//
// +kubebuilder:object:generate=true
// +groupName=apps.cozystack.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every type here.
var GroupVersion = schema.GroupVersion{Group: "apps.cozystack.io", Version: "v1alpha1"}

// AddToScheme makes the types known to a scheme, so that clients can read and write them.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Tenant{}, &TenantList{}, &TenantLimits{}, &TenantLimitsList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)

	return nil
}
