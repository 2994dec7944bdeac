// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// TenantLimitsKind and TenantLimitsPlural name the kind and its resource.
	TenantLimitsKind   = "TenantLimits"
	TenantLimitsPlural = "tenantlimits"
	// TenantLimitsName is the one name that an object of the kind has.
	TenantLimitsName = "limits"
)

// TenantLimits tells admission what a tenant made in this namespace may not ask for: admission sees one object, and no other
// tenants. The controller keeps it in the namespaces of tenants for which it says anything. It is a best effort that may be a
// moment behind; the controller has the last word. No tenant may read it, as it holds other tenants' hosts.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=tenantlimits,singular=tenantlimits,scope=Namespaced
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'limits'",message="the one object of this kind in a namespace is called limits"
type TenantLimits struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What may not be asked for.
	Spec TenantLimitsSpec `json:"spec"`
}

// TenantLimitsSpec holds the limits.
type TenantLimitsSpec struct {
	// Hosts that tenants hold, wherever they are: those that were asked for first, then the nearest to the root, up to a
	// thousand. Only in the namespace of the root, where tenants made in any namespace are held against it: a list in each
	// namespace would be rewritten everywhere for every tenant that is made.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Hosts []HeldHost `json:"hosts,omitempty"`
	// What no tenant made here was given yet of each bounded resource. What the namespace itself uses of that, its ResourceQuota
	// tells. Nil: nothing is bounded.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Left map[string]resource.Quantity `json:"left,omitempty"`
}

// HeldHost is a host and who holds it.
type HeldHost struct {
	// A DNS name.
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host"`
	// Namespace of the tenant that holds it.
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
}

// TenantLimitsList is a list of limits.
//
// +kubebuilder:object:root=true
type TenantLimitsList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []TenantLimits `json:"items"`
}
