// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// ApplicationDefinitionKind and ApplicationDefinitionPlural name the kind and its resource.
	ApplicationDefinitionKind   = "ApplicationDefinition"
	ApplicationDefinitionPlural = "applicationdefinitions"
	// ApplicationDefinitionCRD is the name of its CustomResourceDefinition.
	ApplicationDefinitionCRD = "applicationdefinitions.cozystack.io"
)

// ApplicationDefinition makes a chart a kind of application in apps.cozystack.io/v1alpha1: its values schema becomes a
// CustomResourceDefinition, and each object of the kind a release of the chart in the tenant's namespace.
//
// With the kind, the levels of tenants have their rights on it: view reads its objects, and admin creates, changes and deletes
// them. Those of a kind that runs a cluster service come and go with the flag of their tenant, and super-admin changes them.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=applicationdefinitions,singular=applicationdefinition,scope=Cluster
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.application.kind`,description="Kind of the applications"
// +kubebuilder:printcolumn:name="Chart",type=string,JSONPath=`.spec.release.chart.name`,description="Chart that runs them"
// +kubebuilder:printcolumn:name="Published",type=string,JSONPath=`.status.conditions[?(@.type=="Published")].status`,description="Whether tenants can order them"
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Published")].reason`,description="Why, or why not"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ApplicationDefinition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the kind is, and how an object of it is released.
	Spec ApplicationDefinitionSpec `json:"spec"`
	// What became of it, written by the controller.
	// +optional
	Status ApplicationDefinitionStatus `json:"status,omitempty"`
}

// ApplicationDefinitionSpec is what the platform's operator sets.
type ApplicationDefinitionSpec struct {
	// The kind that tenants see.
	Application ApplicationKind `json:"application"`
	// How an object of the kind becomes a Helm release.
	Release Release `json:"release"`

	// The cluster service that objects of this kind run. Empty: an ordinary application, which tenant administrators create
	// and delete. Objects of a cluster service are created and deleted by the platform only, as the flags of the tenant say,
	// and are called as the service.
	// +optional
	// +kubebuilder:validation:Enum=etcd;monitoring;ingress;seaweedfs
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the service of a kind can't be changed; make another definition"
	Service string `json:"service,omitempty"`

	// Cluster services without which an application can't run. It waits, and says so, until they are there and ready.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:Enum=etcd;monitoring;ingress;seaweedfs
	Needs []string `json:"needs,omitempty"`
	// Cluster services that keep an application's data, such as etcd for a Kubernetes cluster: an application stays with the
	// provider it was created on, also when the tenant resolves to another one later.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:Enum=etcd;monitoring;ingress;seaweedfs
	Keeps []string `json:"keeps,omitempty"`
	// Cluster services that an application uses where there are some, such as monitoring for its metrics. It does not wait for
	// them; it says where it goes without, and is among the dependents of those that it has.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:Enum=etcd;monitoring;ingress;seaweedfs
	Uses []string `json:"uses,omitempty"`

	// Names of CustomResourceDefinitions that the chart uses. The kind is not published until all are established.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Requires []string `json:"requires,omitempty"`

	// Secrets that are handed to the application's users: level "use" may read exactly these. {release} and {name} stand for
	// the names of the release and of the object.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Credentials []Credential `json:"credentials,omitempty"`

	// What there may be of an application that no release made, such as load balancers ordered inside of a cluster. It is deleted
	// when the application is, after its release.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Leftovers []Leftover `json:"leftovers,omitempty"`
}

// ApplicationKind names a kind and says what its spec may hold.
type ApplicationKind struct {
	// Kind, such as Postgres.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z0-9]*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the kind can't be changed; make another definition"
	Kind string `json:"kind"`
	// Singular name, such as postgres.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9]*$`
	Singular string `json:"singular"`
	// Plural name, such as postgreses: the name of the resource.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9]*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the plural can't be changed; make another definition"
	Plural string `json:"plural"`
	// JSON schema of the values. Empty: values.schema.json of the chart.
	// +optional
	// +kubebuilder:validation:MaxLength=262144
	OpenAPISchema string `json:"openAPISchema,omitempty"`
}

// Release says how an object becomes a Helm release.
type Release struct {
	// Put before the object's name to name the release, such as "postgres-". Empty: the object's name.
	// +optional
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^([a-z][a-z0-9-]*-)?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the prefix can't be changed: releases keep their names"
	Prefix string `json:"prefix,omitempty"`
	// The chart.
	Chart Chart `json:"chart"`
	// Labels of every release of the kind, beside those that the controller sets.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Labels map[string]string `json:"labels,omitempty"`
	// How long Helm waits for what a release makes. Nil: 10 minutes.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// When resources of kinds that Flux can't judge are healthy. The release is ready when they are.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	HealthCheckExprs []HealthCheckExpr `json:"healthCheckExprs,omitempty"`
}

// Chart names a chart.
type Chart struct {
	// Name of the chart in its repository.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name"`
	// Exact version. Empty: the one that the controller ships.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`
	// Where the chart is. Nil: the platform's own charts, which the controller serves.
	// +optional
	SourceRef *ChartSource `json:"sourceRef,omitempty"`
}

// ChartSource is a HelmRepository of Flux.
type ChartSource struct {
	// Name of the HelmRepository.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Namespace of the HelmRepository.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
}

// HealthCheckExpr judges the resources of one kind, in Flux's words and with its meaning.
type HealthCheckExpr struct {
	// API version of the resources that are judged, such as postgresql.cnpg.io/v1.
	APIVersion string `json:"apiVersion"`
	// Their kind, such as Cluster.
	Kind string `json:"kind"`
	// CEL expression that is true when the resource is healthy.
	Current string `json:"current"`
	// CEL expression that is true while it is not healthy yet. Empty: whenever neither of the others is.
	// +optional
	InProgress string `json:"inProgress,omitempty"`
	// CEL expression that is true when it has failed.
	// +optional
	Failed string `json:"failed,omitempty"`
}

// Credential names a Secret.
type Credential struct {
	// Name of the Secret in the tenant's namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret"`
	// What it is for, in a few words.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`
}

// Leftover selects objects in the tenant's namespace. The controller needs the right to deletecollection of them, and to list
// those that hold data, to name those that stay.
type Leftover struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	APIVersion string `json:"apiVersion"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// Labels that all of them bear, and nothing else does. {release} stands for the name of the release, and must be among them;
	// {name} for that of the object.
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=8
	Labels map[string]string `json:"labels"`
	// They hold data of users. They stay, unless the application has the annotation cozystack.io/accept-data-loss with its own
	// name when it is deleted.
	// +optional
	HoldsData bool `json:"holdsData,omitempty"`
}

// ApplicationDefinitionStatus is what the controller made of a definition.
type ApplicationDefinitionStatus struct {
	// Generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Version of the chart whose schema is published.
	// +optional
	ChartVersion string `json:"chartVersion,omitempty"`
	// Published, and what keeps it from being so.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ConditionPublished says whether the kind is served. Where a schema can't be expressed, its message holds the JSON path.
const ConditionPublished = "Published"

// ApplicationDefinitionList is a list of definitions.
//
// +kubebuilder:object:root=true
type ApplicationDefinitionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ApplicationDefinition `json:"items"`
}
