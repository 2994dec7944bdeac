// SPDX-License-Identifier: Apache-2.0

package application

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// Labels.
const (
	// LabelDefinition names the ApplicationDefinition that a CustomResourceDefinition or a HelmRelease was made for.
	LabelDefinition = "cozystack.io/definition"
	// LabelKind, LabelName and LabelGroup name the application that a release, and all that its chart makes, belongs to.
	LabelKind  = "apps.cozystack.io/application.kind"
	LabelName  = "apps.cozystack.io/application.name"
	LabelGroup = "apps.cozystack.io/application.group"

	labelManagedBy = "app.kubernetes.io/managed-by"
	manager        = "cozy-controller"
)

// CRDName is the name of the CustomResourceDefinition of a kind: postgreses.apps.cozystack.io.
func CRDName(of *definition.ApplicationDefinition) string {
	return of.Spec.Application.Plural + "." + v1alpha1.GroupVersion.Group
}

// CRD makes the CustomResourceDefinition of a kind of application. spec is what Schema made of the chart's schema. The same
// input gives the same bytes. The error is that of Check.
func CRD(of *definition.ApplicationDefinition, spec *apiextensionsv1.JSONSchemaProps) (*apiextensionsv1.CustomResourceDefinition, error) {
	if err := Check(of); err != nil {
		return nil, err
	}

	annotations, err := leftoverAnnotations(of)
	if err != nil {
		return nil, err
	}

	kind := of.Spec.Application

	return &apiextensionsv1.CustomResourceDefinition{
		TypeMeta: metav1.TypeMeta{APIVersion: apiextensionsv1.SchemeGroupVersion.String(), Kind: "CustomResourceDefinition"},
		ObjectMeta: metav1.ObjectMeta{
			Name: CRDName(of),
			Labels: map[string]string{
				labelManagedBy: manager, LabelDefinition: of.Name, LabelKind: kind.Kind, LabelGroup: v1alpha1.GroupVersion.Group,
			},
			Annotations: annotations,
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: v1alpha1.GroupVersion.Group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: kind.Kind, ListKind: kind.Kind + "List", Singular: kind.Singular, Plural: kind.Plural,
			},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: v1alpha1.GroupVersion.Version, Served: true, Storage: true,
				Schema:                   &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: objectSchema(of, spec)},
				Subresources:             &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
				AdditionalPrinterColumns: columns(),
			}},
		},
	}, nil
}

// objectSchema is the schema of whole objects. Where the chart has a default for everything, an object needs no spec.
func objectSchema(of *definition.ApplicationDefinition, spec *apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
	var required []string
	if len(spec.Required) > 0 {
		required = []string{"spec"}
	}

	return &apiextensionsv1.JSONSchemaProps{
		Type:         "object",
		Description:  fmt.Sprintf("%s is a kind of application, run by the chart %s.", of.Spec.Application.Kind, of.Spec.Release.Chart.Name),
		Required:     required,
		XValidations: append(nameRules(of), specRules(spec)...),
		Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"apiVersion": {Type: "string", Description: "Group and version of this representation."},
			"kind":       {Type: "string", Description: "Kind of this representation."},
			"metadata":   {Type: "object"},
			"spec":       *spec,
			"status":     statusSchema(),
		},
	}
}

// specRules keep a spec in its object where rules at its top look at what it was: without it none of them would be asked, and the
// chart's defaults, which may be just what they refuse, would hold.
func specRules(spec *apiextensionsv1.JSONSchemaProps) apiextensionsv1.ValidationRules {
	looksBack := func(rule apiextensionsv1.ValidationRule) bool { return strings.Contains(rule.Rule, "oldSelf") }
	if !slices.ContainsFunc(spec.XValidations, looksBack) {
		return nil
	}

	return apiextensionsv1.ValidationRules{{
		Rule:      "has(self.spec) || !has(oldSelf.spec)",
		FieldPath: ".spec",
		Message:   "null: can't be taken out, as not every change of it is allowed; {} asks for the defaults",
	}}
}

// nameRules keep names legal for the Helm release and what is named after it: Services (RFC 1035) and hosts, of which a dot
// in a name would make one that belongs to another tenant.
func nameRules(of *definition.ApplicationDefinition) apiextensionsv1.ValidationRules {
	if service := of.Spec.Service; service != "" {
		return apiextensionsv1.ValidationRules{{
			Rule:    "self.metadata.name == " + strconv.Quote(service),
			Message: "metadata.name: what runs the cluster service " + service + " of a tenant is called " + service,
		}}
	}

	prefix := of.Spec.Release.Prefix

	return apiextensionsv1.ValidationRules{{
		Rule:    "size(self.metadata.name) <= " + strconv.Itoa(maxRelease-len(prefix)),
		Message: fmt.Sprintf("metadata.name: its Helm release %s<name> would have more than %d characters", prefix, maxRelease),
		// Adding up strings instead would cost more than the API server allows: it does not know how long a number is.
		MessageExpression: fmt.Sprintf(
			`"metadata.name: its Helm release %s%%s would have %%d characters, at most %d are allowed".format([self.metadata.name, size(self.metadata.name) + %d])`,
			prefix, maxRelease, len(prefix)),
	}, {
		Rule:    `self.metadata.name.matches("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")`,
		Message: "metadata.name: a name is made of lower-case letters, digits and inner dashes",
	}}
}

func columns() []apiextensionsv1.CustomResourceColumnDefinition {
	const ready = `.status.conditions[?(@.type=="Ready")]`

	return []apiextensionsv1.CustomResourceColumnDefinition{
		{Name: "Ready", Type: "string", JSONPath: ready + ".status", Description: "Whether the application can be used"},
		{Name: "Version", Type: "string", JSONPath: ".status.version", Description: "Version of the chart that runs it"},
		{Name: "Reason", Type: "string", Priority: 1, JSONPath: ready + ".reason", Description: "Why, or why not"},
		{Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp"},
	}
}
