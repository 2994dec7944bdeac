// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// TenantKind and TenantPlural name the kind and its resource.
	TenantKind   = "Tenant"
	TenantPlural = "tenants"
	// TenantCRD is the name of its CustomResourceDefinition.
	TenantCRD = "tenants.apps.cozystack.io"
)

// Tenant is the main unit of security on the platform: a namespace of its own, a domain, and cluster services that it runs
// itself or takes from the tenants above it. A Tenant lives in the namespace of its parent; the root lives in its own.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=tenants,singular=tenant,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:printcolumn:name="Namespace",type=string,JSONPath=`.status.namespace`,description="Namespace of the tenant"
// +kubebuilder:printcolumn:name="Host",type=string,JSONPath=`.status.host`,description="Domain of the tenant"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the tenant can be used"
// +kubebuilder:printcolumn:name="Etcd",type=string,priority=1,JSONPath=`.status.services.etcd.namespace`,description="Who provides etcd"
// +kubebuilder:printcolumn:name="Monitoring",type=string,priority=1,JSONPath=`.status.services.monitoring.namespace`,description="Who provides monitoring"
// +kubebuilder:printcolumn:name="Ingress",type=string,priority=1,JSONPath=`.status.services.ingress.namespace`,description="Who provides ingress"
// +kubebuilder:printcolumn:name="SeaweedFS",type=string,priority=1,JSONPath=`.status.services.seaweedfs.namespace`,description="Who provides seaweedfs"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Tenant struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the tenant shall be.
	// +optional
	Spec TenantSpec `json:"spec,omitempty"`
	// What the tenant is, written by the controller.
	// +optional
	Status TenantStatus `json:"status,omitempty"`
}

// TenantSpec is what users set.
type TenantSpec struct {
	// Domain of the tenant. Empty: the tenant's name below the parent's domain. It may lie below the domain of a tenant above
	// this one, or be a domain that no tenant has; of two tenants that want one domain the older has it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$')",message="a host is a DNS name: labels of lower-case letters, digits and inner dashes, at most 63 characters each, joined by dots",messageExpression="'\"' + self + '\": a host is a DNS name: labels of lower-case letters, digits and inner dashes, at most 63 characters each, joined by dots'"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])([.](25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$')",message="a host is a DNS name, not an address",messageExpression="'\"' + self + '\": a host is a DNS name, not an address'"
	Host string `json:"host,omitempty"`

	// Run etcd in this tenant. Off: the nearest tenant above that runs it provides it.
	// +optional
	Etcd bool `json:"etcd,omitempty"`
	// Run monitoring in this tenant. Off: the nearest tenant above that runs it provides it.
	// +optional
	Monitoring bool `json:"monitoring,omitempty"`
	// Run ingress in this tenant. Off: the nearest tenant above that runs it provides it.
	// +optional
	Ingress bool `json:"ingress,omitempty"`
	// Run seaweedfs in this tenant. Off: the nearest tenant above that runs it provides it.
	// +optional
	SeaweedFS bool `json:"seaweedfs,omitempty"`

	// Class of nodes for the tenant's workloads: they run on nodes labelled scheduler.cozystack.io/scheduling-class with it, and on no
	// others. The parent's wins where it has one.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$`
	SchedulingClass string `json:"schedulingClass,omitempty"`

	// Bounds of what this tenant and all tenants below it may use together, by key. cpu, memory and ephemeral-storage bound
	// requests and limits (cpu: 4 is requests.cpu: 4 and limits.cpu: 4), storage the requests of volumes (storage: 1Ti is
	// requests.storage: 1Ti), and nvidia.com/gpu, or another extended resource, its requests. requests.<key> and limits.<key>,
	// pods, services, services.loadbalancers, count/<resource>.<group> and the other keys of a ResourceQuota bound what they
	// name. What is counted takes whole numbers; none is negative. A tenant right below one with a bound must set it too.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	ResourceQuotas map[string]resource.Quantity `json:"resourceQuotas,omitempty"`
}

// TenantStatus is what the controller made of it.
type TenantStatus struct {
	// Generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// The tenant's own namespace. Its applications and the tenants below it live there. Tools follow this field: they never
	// compute the name or take it apart.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// The tenant's domain.
	// +optional
	Host string `json:"host,omitempty"`
	// Namespace of the tenant above. Empty for the root.
	// +optional
	Parent string `json:"parent,omitempty"`
	// Number of tenants above. 0 for the root; not set until the tenant is accepted.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Level *int32 `json:"level,omitempty"`

	// Number of tenants right below this one. While there are any, deleting this one needs the annotation
	// cozystack.io/confirm-delete with the name of this tenant as its value.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Children int32 `json:"children,omitempty"`

	// Who provides each cluster service. Not set until the tenant is accepted.
	// +optional
	Services *TenantServices `json:"services,omitempty"`

	// What the tenant and all tenants below it may use together. Not set where nothing is bounded. A tenant that was accepted and
	// is refused since has what it had then, and nobody else gets that.
	// +optional
	Quota *TenantQuota `json:"quota,omitempty"`

	// How far the tenant has come: Accepted, one condition for each step, and Ready for the whole.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// TenantQuota is what a tenant may use.
type TenantQuota struct {
	// Bounds that hold. They differ from those of the spec where those can't hold, or where the tenant is refused.
	Bounds map[string]resource.Quantity `json:"bounds"`
	// What of each bound was given to the tenants right below.
	Given map[string]resource.Quantity `json:"given"`
}

// TenantServices says who provides each cluster service.
type TenantServices struct {
	// Where Kubernetes clusters of the tenant keep their data.
	Etcd TenantService `json:"etcd"`
	// Where metrics and logs of the tenant go.
	Monitoring TenantService `json:"monitoring"`
	// Through what the tenant's hosts are reached.
	Ingress TenantService `json:"ingress"`
	// Where the tenant's buckets are.
	SeaweedFS TenantService `json:"seaweedfs"`
}

// TenantService is how one cluster service resolves for a tenant.
type TenantService struct {
	// Whether the tenant runs the service itself, inherits it from a tenant above, or has none.
	// +kubebuilder:validation:Enum=own;inherited;none
	Source string `json:"source"`
	// Namespace of the provider. Empty if there is none.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Whether the provider's own resources say that the service can be used.
	Ready bool `json:"ready"`
	// Tenants that inherit the service from this one, and applications that use it. Set by the provider only.
	// +optional
	Dependents *Dependents `json:"dependents,omitempty"`
}

// Dependents counts tenants and applications, and names some.
type Dependents struct {
	// How many there are.
	// +kubebuilder:validation:Minimum=0
	Count int32 `json:"count"`
	// The first ten, tenant by tenant: a tenant by its namespace, an application as <namespace>/<kind>/<name>.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	First []string `json:"first,omitempty"`
}

// TenantList is a list of tenants.
//
// +kubebuilder:object:root=true
type TenantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Tenant `json:"items"`
}

// Conditions of a tenant.
const (
	// ConditionAccepted says whether the rules allow the tenant. Nothing is made for one that is not accepted. What was made for
	// one that was accepted before goes on.
	ConditionAccepted = "Accepted"
	// ConditionNamespaceReady says whether the tenant's namespace is there, is the tenant's, and has its labels.
	ConditionNamespaceReady = "NamespaceReady"
	// ConditionPoliciesReady says whether the tenant's network is isolated.
	ConditionPoliciesReady = "PoliciesReady"
	// ConditionAccessReady says whether those who have a level in the tenant can use it.
	ConditionAccessReady = "AccessReady"
	// ConditionQuotaReady says whether the bounds that the spec asks for hold.
	ConditionQuotaReady = "QuotaReady"
	// ConditionServicesReady says whether the cluster services that the tenant runs itself can be used, by what they say of
	// themselves, and which volumes of those that it does not run any more are left.
	ConditionServicesReady = "ServicesReady"
	// ConditionDeleting is there, and true, while the tenant is being deleted. Its reason is the step, its message says what the
	// step waits for, and its time is when the step began.
	ConditionDeleting = "Deleting"
	// ConditionReady says whether the tenant can be used as its spec asks.
	ConditionReady = "Ready"
)

// Annotations of a tenant. Each names cluster services, with commas between, and holds as long as it is there.
const (
	// AnnotationForceDisable lets a service be turned off that somebody depends on.
	AnnotationForceDisable = "cozystack.io/force-disable"
	// AnnotationAcceptDataLoss has the volumes of a service deleted that is turned off.
	// On an application, with its name: what it leaves behind that holds data is deleted with it.
	AnnotationAcceptDataLoss = "cozystack.io/accept-data-loss"
)

// AnnotationConfirmDelete agrees to the deletion of a tenant with all tenants below it. Its value is the tenant's name.
const AnnotationConfirmDelete = "cozystack.io/confirm-delete"

// TenantFinalizer keeps a Tenant until everything made for it is gone.
const TenantFinalizer = "cozystack.io/tenant"
