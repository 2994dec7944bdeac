// SPDX-License-Identifier: Apache-2.0

package application

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// Object is an application, with all that its release and its status follow from.
type Object struct {
	// Resource is the object as the API server has it. It is not changed.
	Resource *unstructured.Unstructured
	// Definition is that of its kind.
	Definition *definition.ApplicationDefinition
	// Tenant is what the tenant whose namespace it lives in resolves to.
	Tenant tenant.Resolved
	// Release is the HelmRelease of that name in the namespace. Nil: there is none.
	Release *unstructured.Unstructured

	Platform Platform
}

// Platform is what is the same for all applications of a cluster.
type Platform struct {
	// ClusterDomain is the DNS domain of Services, such as cozy.local.
	ClusterDomain string
	// Issuer is the ClusterIssuer of certificates for hosts of tenants. Empty: there is none.
	Issuer string
	// ChartVersions are those of the charts that the controller serves, by name.
	ChartVersions map[string]string
	// CPURatio and MemoryRatio say how much more may be used than is reserved: 10 reserves a tenth. 0 counts as 1.
	CPURatio, MemoryRatio float64
}

// ReleaseName is the name of the object's HelmRelease.
func (o Object) ReleaseName() string { return ReleaseName(o.Definition, o.Resource.GetName()) }

// chartVersion is empty where nobody says which.
func (o Object) chartVersion() string {
	chart := o.Definition.Spec.Release.Chart
	if chart.Version == "" && chart.SourceRef == nil {
		return o.Platform.ChartVersions[chart.Name]
	}

	return chart.Version
}

// taken says whose the HelmRelease of that name is, if it is not the object's.
//
// Two objects may come to one name, as disk-a of a kind with the prefix vm- and a of one with vm-disk-, and people make
// HelmReleases too. Whoever has it keeps it.
func (o Object) taken() error {
	if o.Release == nil {
		return nil
	}

	labels := o.Release.GetLabels()
	if labels[LabelKind] == o.Definition.Spec.Application.Kind && labels[LabelName] == o.Resource.GetName() {
		return nil
	}

	owner := "made by somebody else"
	if labels[LabelKind] != "" {
		owner = fmt.Sprintf("that of %s %s", labels[LabelKind], labels[LabelName])
	}

	return &takenError{release: o.Release.GetName(), owner: owner}
}

type takenError struct{ release, owner string }

func (e *takenError) Error() string {
	return fmt.Sprintf("the HelmRelease %s is there already, and is %s", e.release, e.owner)
}

func (e *takenError) Hint() string { return "create the application with another name" }

// status is what the object said of itself last. What can't be read counts as never said.
func (o Object) status() Status {
	var status Status

	content, isThere, err := unstructured.NestedMap(o.Resource.Object, "status")
	if err != nil || !isThere {
		return Status{}
	}

	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &status); err != nil {
		return Status{}
	}

	return status
}
