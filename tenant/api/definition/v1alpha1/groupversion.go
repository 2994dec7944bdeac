// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the resource types of cozystack.io/v1alpha1: how a chart becomes a kind of application that
// tenants order. It is data only; tenant/controller acts on it.
//
// +kubebuilder:object:generate=true
// +groupName=cozystack.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every type here.
var GroupVersion = schema.GroupVersion{Group: "cozystack.io", Version: "v1alpha1"}

// AddToScheme makes the types known to a scheme, so that clients can read and write them.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &ApplicationDefinition{}, &ApplicationDefinitionList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)

	return nil
}
